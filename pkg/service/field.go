package service

import (
	"reflect"
	"strings"
	"time"
)

// field is one setting of a Config's type.
type field struct {
	name, key, wish string
	typ             reflect.Type
}

// fieldsOf lists the settings of a struct type, those of embedded structs too.
func fieldsOf(t reflect.Type) []field {
	var fields []field
	for i := range t.NumField() {
		f := t.Field(i)
		key, _, _ := strings.Cut(f.Tag.Get("env"), ",")
		switch {
		case key == "-":
		case key != "":
			fields = append(fields, field{name: f.Name, key: key, wish: f.Tag.Get("wants"), typ: f.Type})
		case f.Type.Kind() == reflect.Struct:
			fields = append(fields, fieldsOf(f.Type)...)
		}
	}
	return fields
}

func wantsOf(fields []field, key string) string {
	for _, f := range fields {
		if f.key == key {
			return f.wants()
		}
	}
	return "set"
}

// wants says what a value must be: in the words of its tag, or of its type.
func (f field) wants() string {
	if f.wish != "" {
		return f.wish
	}
	if f.typ == reflect.TypeFor[time.Duration]() {
		return "a duration such as 30s"
	}
	switch f.typ.Kind() {
	case reflect.Bool:
		return "true or false"
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		return "a whole number"
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return "a whole number of 0 or more"
	case reflect.Float32, reflect.Float64:
		return "a number"
	case reflect.String:
		return "a text that is not empty"
	}
	return "a " + f.typ.Name()
}
