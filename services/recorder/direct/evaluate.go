package direct

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/go-rod/rod"
	"github.com/go-rod/rod/lib/proto"
)

// mainWorld is the world of the page's own scripts, which may have replaced the browser's
// functions. We only use it before the page is loaded, in an empty document, and for the user's own
// script.
const mainWorld proto.RuntimeExecutionContextID = 0

// call writes the call of a JavaScript function.
func call(function string, args ...any) (string, error) {
	list := make([]string, len(args))
	for i, arg := range args {
		data, err := json.Marshal(arg)
		if err != nil {
			return "", fmt.Errorf("write an argument: %w", err)
		}
		list[i] = string(data)
	}
	return "(" + function + ")(" + strings.Join(list, ",") + ")", nil
}

// evaluate calls a JavaScript function and reads what it returns into result, which may be nil.
// What the function throws is a *thrownError.
func evaluate(page *rod.Page, world proto.RuntimeExecutionContextID, result any, function string, args ...any) error {
	expression, err := call(function, args...)
	if err != nil {
		return err
	}
	reply, err := proto.RuntimeEvaluate{Expression: expression, ContextID: world, ReturnByValue: true}.Call(page)
	if err != nil {
		return err
	}
	if reply.ExceptionDetails != nil {
		return thrown(reply.ExceptionDetails)
	}
	if result == nil {
		return nil
	}
	if err := reply.Result.Value.Unmarshal(result); err != nil {
		return fmt.Errorf("read what the page returned: %w", err)
	}
	return nil
}

// thrownError is what JavaScript threw.
type thrownError struct {
	// class is such as TypeError.
	class string
	// line is where, from 1.
	line int
}

// thrown reads an exception. It leaves out the message, which may quote anything in the page.
func thrown(e *proto.RuntimeExceptionDetails) *thrownError {
	t := &thrownError{class: "exception", line: e.LineNumber + 1}
	if e.Exception != nil && e.Exception.ClassName != "" {
		t.class = e.Exception.ClassName
	}
	return t
}

func (e *thrownError) Error() string { return fmt.Sprintf("%s in line %d", e.class, e.line) }
