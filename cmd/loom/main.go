// Command loom is loom-lite's command line.
package main

func main() {}
