package scene

// Key is a key of a keyboard that types no character.
type Key struct {
	// Code is its place, as KeyboardEvent.code has it; Windows its number there, which is
	// KeyboardEvent.keyCode.
	Code    string
	Windows int
}

// NamedKeys are the keys that press knows, by KeyboardEvent.key. Beside them, every character is a
// key.
var NamedKeys = map[string]Key{
	"Enter": {"Enter", 13}, "Tab": {"Tab", 9}, "Escape": {"Escape", 27}, "Backspace": {"Backspace", 8}, "Delete": {"Delete", 46},
	"Insert": {"Insert", 45},

	"ArrowLeft": {"ArrowLeft", 37}, "ArrowUp": {"ArrowUp", 38}, "ArrowRight": {"ArrowRight", 39}, "ArrowDown": {"ArrowDown", 40},
	"Home": {"Home", 36}, "End": {"End", 35}, "PageUp": {"PageUp", 33}, "PageDown": {"PageDown", 34},

	"F1": {"F1", 112}, "F2": {"F2", 113}, "F3": {"F3", 114}, "F4": {"F4", 115}, "F5": {"F5", 116}, "F6": {"F6", 117},
	"F7": {"F7", 118}, "F8": {"F8", 119}, "F9": {"F9", 120}, "F10": {"F10", 121}, "F11": {"F11", 122}, "F12": {"F12", 123},
}
