// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package provider

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/hashicorp/hcl/v2/hclwrite"
	"github.com/hashicorp/terraform-plugin-go/tfprotov6"
)

var (
	// guideBlock is a block of code in HCL.
	guideBlock = regexp.MustCompile("(?ms)^```hcl\n(.*?)^```")
	// guideLink is a link to a file, to a heading, or to both.
	guideLink = regexp.MustCompile(`\]\(([^)#\s]*)(#[^)\s]*)?\)`)
	// guideHeading is a heading, of which all but words, spaces and hyphens is left out in links.
	guideHeading = regexp.MustCompile(`(?m)^#+ (.*)$`)
	noAnchor     = regexp.MustCompile(`[^\w\- ]`)
)

// TestGuides checks what can be checked of the guides without reading them: the published copy is the source, configurations are
// formatted and name attributes that exist, links lead somewhere, and the index and the README name every guide.
func TestGuides(t *testing.T) {
	sources, err := filepath.Glob("../templates/guides/*.md")
	if err != nil || len(sources) < 10 {
		t.Fatalf("%d guides found (error: %v)", len(sources), err)
	}
	kinds := guideKinds(schemaOf(t))
	index, readme := readGuide(t, "../docs/index.md"), readGuide(t, "../README.md")
	blocks := 0
	for _, source := range sources {
		name := filepath.Base(source)
		text := readGuide(t, source)
		if diff := cmp.Diff(text, readGuide(t, "../docs/guides/"+name)); diff != "" {
			t.Errorf("docs/guides/%s is not its source, run make generate (-source +copy):\n%s", name, diff)
		}
		if !strings.Contains(index, "(guides/"+name+")") || !strings.Contains(readme, "(docs/guides/"+name+")") {
			t.Errorf("docs/index.md and README.md must both name %s", name)
		}
		for _, problem := range brokenLinks(t, text) {
			t.Errorf("%s: %s", name, problem)
		}
		for i, block := range guideBlock.FindAllStringSubmatch(text, -1) {
			blocks++
			for _, problem := range wrongHCL(block[1], kinds) {
				t.Errorf("%s, block %d: %s", name, i+1, problem)
			}
		}
	}
	if blocks < 20 {
		t.Errorf("only %d blocks of HCL were found", blocks)
	}
}

func readGuide(t *testing.T, path string) string {
	t.Helper()
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}

// brokenLinks are the links of a guide to files and headings that do not exist.
func brokenLinks(t *testing.T, text string) (problems []string) {
	t.Helper()
	for _, link := range guideLink.FindAllStringSubmatch(text, -1) {
		if strings.HasPrefix(link[1], "https://") {
			continue
		}
		target := text
		if link[1] != "" {
			content, err := os.ReadFile(filepath.Join("../docs/guides", link[1]))
			if err != nil {
				problems = append(problems, fmt.Sprintf("%s leads nowhere", link[0]))
				continue
			}
			target = string(content)
		}
		if link[2] != "" && !slices.Contains(anchors(target), link[2]) {
			problems = append(problems, fmt.Sprintf("%s: no heading has that name", link[0]))
		}
	}
	return problems
}

// anchors are the headings as links name them.
func anchors(text string) (names []string) {
	for _, heading := range guideHeading.FindAllStringSubmatch(text, -1) {
		plain := noAnchor.ReplaceAllString(strings.ToLower(heading[1]), "")
		names = append(names, "#"+strings.ReplaceAll(plain, " ", "-"))
	}
	return names
}

// guideKinds are the schemas by the beginning of a block, such as `resource fairlead_addon`.
func guideKinds(schema *tfprotov6.GetProviderSchemaResponse) map[string][]*tfprotov6.SchemaAttribute {
	kinds := map[string][]*tfprotov6.SchemaAttribute{"provider fairlead": schema.Provider.Block.Attributes}
	add := func(block string, schemas map[string]*tfprotov6.Schema) {
		for name, of := range schemas {
			kinds[block+" "+name] = of.Block.Attributes
		}
	}
	add("resource", schema.ResourceSchemas)
	add("data", schema.DataSourceSchemas)
	add("ephemeral", schema.EphemeralResourceSchemas)
	for name, action := range schema.ActionSchemas {
		kinds["action "+name] = action.Schema.Block.Attributes
	}
	return kinds
}

// wrongHCL says what is wrong with a configuration: its form, or attributes that nothing has.
func wrongHCL(text string, kinds map[string][]*tfprotov6.SchemaAttribute) (problems []string) {
	if formatted := string(hclwrite.Format([]byte(text))); formatted != text {
		problems = append(problems, "it is not formatted (-want +got):\n"+cmp.Diff(formatted, text))
	}
	file, diags := hclsyntax.ParseConfig([]byte(text), "guide.tf", hcl.InitialPos)
	if diags.HasErrors() {
		return append(problems, diags.Error())
	}
	body, ok := file.Body.(*hclsyntax.Body)
	if !ok {
		return append(problems, fmt.Sprintf("it is a %T", file.Body))
	}
	for _, block := range body.Blocks {
		if len(block.Labels) == 0 || !strings.HasPrefix(block.Labels[0], "fairlead") || block.Type == "list" {
			continue
		}
		kind := block.Type + " " + block.Labels[0]
		attributes, known := kinds[kind]
		if !known {
			problems = append(problems, kind+" does not exist")
			continue
		}
		for name, attribute := range configured(block) {
			problems = append(problems, wrongAttribute(kind, name, attribute.Expr, attributes)...)
		}
	}
	return problems
}

// configured are the attributes that a block gives to what it is of: those of an action stand in a block of their own.
func configured(block *hclsyntax.Block) hclsyntax.Attributes {
	if block.Type != "action" {
		return block.Body.Attributes
	}
	for _, inner := range block.Body.Blocks {
		if inner.Type == "config" {
			return inner.Body.Attributes
		}
	}
	return nil
}

// TestExamplesOfActions checks what can be checked of the examples that no engine here can parse.
func TestExamplesOfActions(t *testing.T) {
	files, err := filepath.Glob("../examples/actions/*/action.tf")
	if err != nil || len(files) == 0 {
		t.Fatalf("no examples found (error: %v)", err)
	}
	kinds := guideKinds(schemaOf(t))
	for _, file := range files {
		for _, problem := range wrongHCL(readGuide(t, file), kinds) {
			t.Errorf("%s: %s", file, problem)
		}
	}
}

// wrongAttribute says that an attribute does not exist, or one within it.
func wrongAttribute(at, name string, value hclsyntax.Expression, attributes []*tfprotov6.SchemaAttribute) (problems []string) {
	if slices.Contains([]string{"alias", "count", "depends_on", "for_each", "provider"}, name) {
		return nil
	}
	at += "." + name
	i := slices.IndexFunc(attributes, func(a *tfprotov6.SchemaAttribute) bool { return a.Name == name })
	if i < 0 {
		return []string{at + " does not exist"}
	}
	if attributes[i].NestedType == nil {
		return nil
	}
	items := []hclsyntax.Expression{value}
	if list, ok := value.(*hclsyntax.TupleConsExpr); ok {
		items = list.Exprs
	}
	for _, item := range items {
		object, _ := item.(*hclsyntax.ObjectConsExpr)
		if object == nil {
			continue
		}
		for _, entry := range object.Items {
			if key := hcl.ExprAsKeyword(entry.KeyExpr); key != "" {
				problems = append(problems, wrongAttribute(at, key, entry.ValueExpr, attributes[i].NestedType.Attributes)...)
			}
		}
	}
	return problems
}

// TestWrongGuides checks that the checks of guides find what is wrong.
func TestWrongGuides(t *testing.T) {
	kinds := guideKinds(schemaOf(t))
	for name, test := range map[string]struct{ text, want string }{
		"a resource":             {"resource \"fairlead_thing\" \"a\" {\n}\n", "resource fairlead_thing does not exist"},
		"an attribute":           {"resource \"fairlead_addon\" \"a\" {\n  size = 1\n}\n", "resource fairlead_addon.size does not exist"},
		"one within another":     {"provider \"fairlead\" {\n  hub = { hosts = \"a\" }\n}\n", "provider fairlead.hub.hosts does not exist"},
		"one within a list":      {"resource \"fairlead_managed_cluster\" \"a\" {\n  taints = [{ keys = \"a\" }]\n}\n", "resource fairlead_managed_cluster.taints.keys does not exist"},
		"an action":              {"action \"fairlead_rollout_control\" \"a\" {\n  config {\n    size = 1\n  }\n}\n", "action fairlead_rollout_control.size does not exist"},
		"somebody else's":        {"resource \"aws_instance\" \"a\" {\n  size = 1\n}\n", ""},
		"what engines add":       {"resource \"fairlead_addon\" \"a\" {\n  depends_on = []\n}\n", ""},
		"what is spelled as OAM": {"resource \"fairlead_application\" \"a\" {\n  components = { web = { size = 1 } }\n}\n", ""},
	} {
		if got := strings.Join(wrongHCL(test.text, kinds), "; "); got != test.want {
			t.Errorf("%s: got %q, want %q", name, got, test.want)
		}
	}
	if got := wrongHCL("a=1\n", kinds); len(got) != 1 || !strings.Contains(got[0], "not formatted") {
		t.Errorf("not formatted: %v", got)
	}
	want := []string{"](nowhere.md) leads nowhere", "](clusters.md#nowhere): no heading has that name"}
	if diff := cmp.Diff(want, brokenLinks(t, "[a](nowhere.md) [b](clusters.md#nowhere) [c](clusters.md#leaving) [d](#e)\n## `E`\n")); diff != "" {
		t.Errorf("links (-want +got):\n%s", diff)
	}
}
