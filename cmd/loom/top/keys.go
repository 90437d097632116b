package top

import (
	"bufio"
	"io"
)

// key is what a key does.
type key int

const (
	quit key = iota
	up
	down
	pageUp
	pageDown
	next   // the other list
	resort // another order
)

// sequences are what terminals send.
var sequences = map[string]key{
	"q": quit, "Q": quit, "\x03": quit,
	"k": up, "\x1b[A": up, "\x1bOA": up,
	"j": down, "\x1b[B": down, "\x1bOB": down,
	"\x1b[5~": pageUp, "\x1b[6~": pageDown, " ": pageDown,
	"\t": next, "s": resort,
}

// readKeys sends the keys that are read to keys until r ends or stop is closed.
func readKeys(r io.Reader, keys chan<- key, stop <-chan struct{}) {
	in := bufio.NewReader(r)
	for {
		sequence, err := readSequence(in)
		if err != nil {
			return
		}
		k, known := sequences[sequence]
		if !known {
			continue
		}
		select {
		case keys <- k:
		case <-stop:
			return
		}
	}
}

// readSequence reads a character, or an escape sequence: it ends with a letter or ~.
func readSequence(in *bufio.Reader) (string, error) {
	b, err := in.ReadByte()
	if err != nil || b != '\x1b' {
		return string(b), err
	}
	sequence := []byte{b}
	for len(sequence) < 8 {
		if b, err = in.ReadByte(); err != nil {
			return "", err
		}
		sequence = append(sequence, b)
		introduces := len(sequence) == 2 && (b == '[' || b == 'O')
		if !introduces && (b >= '@' && b <= '~') {
			break
		}
	}
	return string(sequence), nil
}

// press changes the view. page is how many lines a page has.
func (v *view) press(k key, page int) {
	switch k {
	case up:
		v.first[v.in]--
	case down:
		v.first[v.in]++
	case pageUp:
		v.first[v.in] -= page
	case pageDown:
		v.first[v.in] += page
	case next:
		v.in = (v.in + 1) % lists
	case resort:
		v.by[v.in] = (v.by[v.in] + 1) % len(orders[v.in])
	case quit:
	}
}
