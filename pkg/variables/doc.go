// Package variables fills in what differs from one video of a campaign to the next.
//
// A campaign declares its variables (Declaration). Each of its renders brings values for them.
// {{first_name}} in one of the campaign's texts stands for a value. In {{first_name|there}},
// "there" stands in where there is none.
//
//	value of the render → what stands in, at this place → the declared default → an error
//
// An empty value is a value.
//
// What a value may do depends on its place. In the path, query or fragment of a URL it is
// percent-encoded, and can neither change the host nor leave its part of the path. In CSS and in
// scripts it is escaped so that it stays in the text that it stands in. In captions it is no markup
// and no line of its own. Only a variable of type url may be a whole address.
//
// Values are of people. No error holds one: it names the variable.
package variables
