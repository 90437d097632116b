module github.com/loom-lite/loom-lite/tools

go 1.26.0
