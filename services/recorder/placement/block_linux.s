// With an assembly file, Go takes functions without a body, as block_linux.go has two.
