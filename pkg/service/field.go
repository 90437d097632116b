package service

import (
	"cmp"
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"
)

// field is one setting of a Config.
type field struct {
	name, key string
	tag       reflect.StructTag
	value     reflect.Value
}

// fieldsOf lists the settings of a struct, those of structs in it too.
func fieldsOf(v reflect.Value) []field {
	var fields []field
	for i := range v.NumField() {
		f := v.Type().Field(i)
		key, _, _ := strings.Cut(f.Tag.Get("env"), ",")
		switch {
		case key == "-":
		case key != "":
			fields = append(fields, field{name: f.Name, key: key, tag: f.Tag, value: v.Field(i)})
		case f.Type.Kind() == reflect.Struct:
			fields = append(fields, fieldsOf(v.Field(i))...)
		}
	}
	return fields
}

// within reports whether the value keeps to the bounds of its tags. Its error is a mistake in a
// tag.
func (f field) within() (bool, error) {
	if _, fallback := f.tag.Lookup("envDefault"); f.value.IsZero() && !fallback {
		return true, nil
	}
	if values := f.values(); values != nil && !slices.Contains(values, f.value.String()) {
		return false, nil
	}
	if least := f.tag.Get("min"); least != "" {
		if order, err := f.compare(least); err != nil || order < 0 {
			return false, err
		}
	}
	if most := f.tag.Get("max"); most != "" {
		if order, err := f.compare(most); err != nil || order > 0 {
			return false, err
		}
	}
	return true, nil
}

// values returns those that the value may have; nil means any.
func (f field) values() []string {
	values, bound := f.tag.Lookup("oneof")
	if !bound {
		return nil
	}
	return strings.Fields(values)
}

// compare compares the value with a bound of the same type.
func (f field) compare(bound string) (order int, err error) {
	switch {
	case f.isDuration():
		var d time.Duration
		d, err = time.ParseDuration(bound)
		order = cmp.Compare(f.value.Int(), int64(d))
	case f.value.CanInt():
		var n int64
		n, err = strconv.ParseInt(bound, 10, 64)
		order = cmp.Compare(f.value.Int(), n)
	case f.value.CanFloat():
		var n float64
		n, err = strconv.ParseFloat(bound, 64)
		order = cmp.Compare(f.value.Float(), n)
	default:
		err = fmt.Errorf("a %s has no bounds", f.value.Type())
	}
	if err != nil {
		return 0, fmt.Errorf("bound %q of %s: %w", bound, f.key, err)
	}
	return order, nil
}

func (f field) isDuration() bool { return f.value.Type() == reflect.TypeFor[time.Duration]() }

// wants says what a value must be: in the words of its tag, or by its type and bounds.
func (f field) wants() string {
	least, most := f.tag.Get("min"), f.tag.Get("max")
	switch {
	case f.tag.Get("wants") != "":
		return f.tag.Get("wants")
	case f.values() != nil:
		return alternatives(f.values())
	case f.isDuration():
		return "a duration" + prefixed(" of ", span(least, most), ",") + " such as " + cmp.Or(f.tag.Get("envDefault"), "30s")
	case least != "" && most != "":
		return f.noun() + ", " + span(least, most)
	}
	return f.noun() + prefixed(" of ", span(least, most), "")
}

// noun names what the type holds.
func (f field) noun() string {
	if unit := f.tag.Get("unit"); unit != "" {
		return "a number of " + unit
	}
	switch {
	case f.value.Kind() == reflect.Bool:
		return "true or false"
	case f.value.CanInt():
		return "a whole number"
	case f.value.CanFloat():
		return "a number"
	case f.value.Kind() == reflect.String:
		return "a text that is not empty"
	}
	return "a " + f.value.Type().Name()
}

// span writes bounds: "1 to 5", "1 or more", "5 at most", or nothing.
func span(least, most string) string {
	switch {
	case least != "" && most != "":
		return least + " to " + most
	case least != "":
		return least + " or more"
	case most != "":
		return most + " at most"
	}
	return ""
}

// prefixed returns text between prefix and suffix, or nothing where there is no text.
func prefixed(prefix, text, suffix string) string {
	if text == "" {
		return ""
	}
	return prefix + text + suffix
}

// alternatives writes "a, b or c".
func alternatives(values []string) string {
	last := len(values) - 1
	if last < 1 {
		return strings.Join(values, "")
	}
	return strings.Join(values[:last], ", ") + " or " + values[last]
}
