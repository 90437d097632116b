package campaign

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
)

// Error says what is wrong with a campaign file.
type Error struct {
	Path     string
	Problems []Problem
}

// Problem is one thing that is wrong, and what to write instead.
type Problem struct {
	// Line counts from 1; 0 when the problem has no place.
	Line int
	// Field is where in the campaign: "scenes[0].url". Empty for the file as a whole.
	Field string
	// Location is the same as the names of fields, and places in lists, from 0.
	Location []string
	Text     string
}

func (e *Error) Error() string {
	lines := make([]string, len(e.Problems))
	for i, p := range e.Problems {
		lines[i] = p.in(e.Path)
	}
	return strings.Join(lines, "\n")
}

func (p Problem) in(path string) string {
	place := path
	if p.Line > 0 {
		place = fmt.Sprintf("%s:%d", path, p.Line)
	}
	if p.Field != "" {
		place += ": " + p.Field
	}
	return place + ": " + p.Text
}

// syntaxError makes an Error of what the YAML parser said.
func syntaxError(path string, err error) error {
	var parsed yaml.Error
	if !errors.As(err, &parsed) {
		return &Error{Path: path, Problems: []Problem{{Text: err.Error()}}}
	}
	p := Problem{Text: parsed.GetMessage()}
	if t := parsed.GetToken(); t != nil && t.Position != nil {
		p.Line = t.Position.Line
	}
	return &Error{Path: path, Problems: []Problem{p}}
}

// lineOf returns the line of the node at location, or of the nearest one around it.
func lineOf(doc ast.Node, location []string) int {
	line := 0
	for node := doc; node != nil; {
		if t := node.GetToken(); t != nil && t.Position != nil {
			line = t.Position.Line
		}
		if len(location) == 0 {
			break
		}
		var key ast.Node
		key, node = child(node, location[0])
		if key != nil && key.GetToken() != nil {
			line = key.GetToken().Position.Line
			if len(location) == 1 {
				break
			}
		}
		location = location[1:]
	}
	return line
}

// child returns the part of node called name and, in a mapping, its key.
func child(node ast.Node, name string) (key, value ast.Node) {
	switch n := node.(type) {
	case *ast.MappingNode:
		for _, v := range n.Values {
			if k := v.Key.GetToken(); k != nil && k.Value == name {
				return v.Key, v.Value
			}
		}
	case *ast.MappingValueNode:
		if k := n.Key.GetToken(); k != nil && k.Value == name {
			return n.Key, n.Value
		}
	case *ast.SequenceNode:
		if i, err := strconv.Atoi(name); err == nil && i >= 0 && i < len(n.Values) {
			return nil, n.Values[i]
		}
	case *ast.AnchorNode:
		return child(n.Value, name)
	}
	return nil, nil
}
