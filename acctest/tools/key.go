// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package tools

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
)

// keyLength is the number of hexadecimal digits of a build's hash that its folder name holds.
const keyLength = 16

// key returns the hash that names a build of t: of every file in its module's folder and of how it is built. The Go version is
// left out on purpose, so that a new toolchain does not cost everybody a quarter of an hour.
func key(t Tool, dir string) (string, error) {
	h := sha256.New()
	fmt.Fprintf(h, "%s/%s\n%q\n%q\n%q\n", runtime.GOOS, runtime.GOARCH, t.binaryNames(), t.variables, t.assets)
	files, err := sources(dir)
	if err != nil {
		return "", err
	}
	for _, name := range files {
		content, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			return "", fmt.Errorf("hashing the module of tool %q: %w", t.Name, err)
		}
		fmt.Fprintf(h, "%s %d\n%s\n", filepath.ToSlash(name), len(content), content)
	}
	return hex.EncodeToString(h.Sum(nil))[:keyLength], nil
}

// sources lists go.mod, go.sum and the Go files under dir, relative to it and sorted. Other files take no part in a build.
func sources(dir string) ([]string, error) {
	var files []string
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !isSource(d.Name()) {
			return err
		}
		rel, err := filepath.Rel(dir, path)
		files = append(files, rel)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("listing the sources in %s: %w", dir, err)
	}
	slices.Sort(files)
	return files, nil
}

func isSource(name string) bool {
	return name == "go.mod" || name == "go.sum" || (strings.HasSuffix(name, ".go") && !strings.HasSuffix(name, "_test.go"))
}

// version returns the version that the go.mod in dir requires of module.
func version(dir, module string) (string, error) {
	path := filepath.Join(dir, "go.mod")
	content, err := os.ReadFile(path)
	if err != nil {
		return "", fmt.Errorf("reading the version of %s: %w", module, err)
	}
	lines := bufio.NewScanner(bytes.NewReader(content))
	for lines.Scan() {
		fields := strings.Fields(strings.TrimPrefix(strings.TrimSpace(lines.Text()), "require "))
		if len(fields) >= 2 && fields[0] == module && strings.HasPrefix(fields[1], "v") {
			return fields[1], nil
		}
	}
	return "", fmt.Errorf("%s does not require %s", path, module)
}
