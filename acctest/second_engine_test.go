// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package acctest

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestSecondEngineTestsExist checks that each test that `make test` runs on the second engine is there: `go test -run` says
// nothing of names that it does not find.
func TestSecondEngineTestsExist(t *testing.T) {
	makefile, err := os.ReadFile("../GNUmakefile")
	if err != nil {
		t.Fatal(err)
	}
	list := regexp.MustCompile(`(?m)^SECOND_ENGINE_TESTS := ((?:.*\\\n)*.*)$`).FindSubmatch(makefile)
	if list == nil {
		t.Fatal("GNUmakefile has no SECOND_ENGINE_TESTS")
	}
	files, err := filepath.Glob("*_test.go")
	if err != nil {
		t.Fatal(err)
	}
	var sources strings.Builder
	for _, file := range files {
		content, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		sources.Write(content)
	}
	names := strings.Fields(strings.ReplaceAll(string(list[1]), "\\\n", " "))
	if len(names) < 10 {
		t.Errorf("%d tests only: %v", len(names), names)
	}
	for _, name := range names {
		if !strings.Contains(sources.String(), "\nfunc "+name+"(t *testing.T)") {
			t.Errorf("GNUmakefile names the test %s, which does not exist", name)
		}
	}
}
