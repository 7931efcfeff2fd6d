// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package acctest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/dynamic"

	"github.com/fairlead-io/terraform-provider-fairlead/addon/api/v1alpha1"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/api/v1beta1"
)

const (
	// failsWithin, delaysBy and growsBy are what the product promises of definitions that mean harm.
	failsWithin = 5 * time.Second
	delaysBy    = time.Second
	growsBy     = 20 << 20
	// slowness is how many times an edit takes on this machine are added to what is promised.
	slowness = 10
	// unevenness is how many times longer than usual an edit may take on a busy machine by itself.
	unevenness = 3
	// warmUp is after how many edits the manager has all in memory that it needs for them.
	warmUp = 20
	// observation is how long nothing may be evaluated any more once all is said.
	observation = 30 * time.Second
)

// ownNote is an innocent type that writes its parameter into a label.
const ownNote = `
parameter: note: string
output: {
	apiVersion: "apps/v1"
	kind:       "Deployment"
	metadata: labels: note: parameter.note
	spec: {
		selector: matchLabels: "app.oam.dev/component": context.name
		template: {
			metadata: labels: "app.oam.dev/component": context.name
			spec: containers: [{name: "main", image: "nginx:1"}]
		}
	}
}`

// hostileType is a component type that means harm, and what is said of it.
type hostileType struct {
	name                     string
	template, health, status string
	// properties of the component, in JSON.
	properties string
	// compiles says that the harm comes with the properties, so that the definition itself is usable.
	compiles bool
	// says are texts of which the application's message has one: the machine decides which limit is met first.
	says []string
	// runs says that the application runs all the same, and its component says what is wrong, if anything.
	runs bool
}

// hostileTypes are what a tenant could write to hurt others.
func hostileTypes() []hostileType {
	ended := []string{"the definition took longer than", "the definition needed more than", "nests or recurses too deeply", "ended early"}
	deep := append([]string{"nested deeper than", "structural cycle"}, ended...)
	return []hostileType{
		{name: "endless", template: endlessTemplate, says: ended},
		{
			name: "parameter", properties: `{"n": 3000}`, compiles: true, says: ended,
			template: "import \"list\"\nparameter: n: int\n_r: list.Range(0, parameter.n, 1)\n" +
				`output: {apiVersion: "v1", kind: "ConfigMap", data: n: "\(len([for a in _r for b in _r for c in _r if a+b+c < 0 {a}]))"}`,
		},
		{name: "disjunction", template: "parameter: {}\n" + choices("_a", 30) + `output: {apiVersion: "v1", kind: "ConfigMap", data: _all}`, says: ended},
		{
			name: "string", compiles: true, says: append(ended, "a result of more than"),
			template: "import \"strings\"\nparameter: {}\n" +
				`output: {apiVersion: "v1", kind: "ConfigMap", data: text: strings.Repeat(strings.Repeat("x", 1000), 10000)}`,
		},
		{name: "doubling", template: "parameter: {}\n" + doubled(40) + `output: {apiVersion: "v1", kind: "ConfigMap", data: text: _s39}`, says: ended},
		{name: "recursion", template: "parameter: {}\n#t: {n: int, next: #t & {n: n + 1}}\noutput: #t & {n: 0}", says: deep},
		{name: "sum", template: "parameter: {}\noutput: 1" + strings.Repeat("+1", 250000), says: ended},
		{name: "nesting", template: "parameter: {}\noutput: " + strings.Repeat("{a:", 100000) + "1" + strings.Repeat("}", 100000), says: deep},
		{name: "schema", template: bigTree() + ownNote, properties: `{"note": "a"}`, compiles: true, runs: true},
		{
			name: "health", template: ownNote, properties: `{"note": "a"}`, says: ended,
			health: "import \"list\"\n_r: list.Range(0, 3000, 1)\nisHealth: len([for a in _r for b in _r for c in _r if a+b+c < 0 {a}]) == 0",
		},
		{
			name: "status", template: ownNote, properties: `{"note": "a"}`, says: ended, runs: true,
			status: "import \"list\"\n_r: list.Range(0, 3000, 1)\nmessage: \"\\(len([for a in _r for b in _r for c in _r if a+b+c < 0 {a}]))\"",
		},
	}
}

// choices are disjunctions of which nothing is decided before the last one.
func choices(name string, n int) string {
	var text strings.Builder
	all := make([]string, n)
	for i := range n {
		fmt.Fprintf(&text, "%s%d: {f%d: 1} | {f%d: 2} | {f%d: 3}\n", name, i, i, i, i)
		all[i] = fmt.Sprint(name, i)
	}
	return text.String() + "_all: " + strings.Join(all, " & ") + "\n"
}

// doubled is a text that is twice as long with each field.
func doubled(n int) string {
	var text strings.Builder
	text.WriteString("_s0: \"xxxxxxxxxxxxxxxx\"\n")
	for i := range n - 1 {
		fmt.Fprintf(&text, "_s%d: _s%d + _s%d\n", i+1, i, i)
	}
	return text.String()
}

// tree are parameters of which each has two of the one before.
func tree(n int) string {
	var text strings.Builder
	text.WriteString("#P0: a: string\n")
	for i := range n - 1 {
		fmt.Fprintf(&text, "#P%d: {l: #P%d, r: #P%d}\n", i+1, i, i)
	}
	return text.String()
}

// bigTree is an optional parameter that is large and harmless. With the race detector a process takes many times the memory,
// so that there it is one that still fits.
func bigTree() string {
	depth := 26
	if raceDetector {
		depth = 9
	}
	return tree(depth) + fmt.Sprintf("parameter: deep?: #P%d\n", depth-1)
}

func (h hostileType) definition(namespace string) ownDefinition {
	return ownDefinition{kind: "ComponentDefinition", namespace: namespace, name: h.name, template: h.template, health: h.health, status: h.status}
}

// siege is a hub with applications of tenants who mean harm, and of others.
type siege struct {
	fleet *fleet
	// harm is the namespace of who means harm, peace that of the others.
	harm, peace string
	plain, own  innocent
	hub         dynamic.Interface
}

// innocent is an application that is edited, and how.
type innocent struct {
	name, parameter string
	apps, deployed  dynamic.ResourceInterface
	// read is what of the Deployment follows the parameter.
	read func(*unstructured.Unstructured) string
	// usual is how long an edit takes at most while nobody means harm.
	usual time.Duration
}

// edit changes the parameter and says how long it took until the Deployment followed, or until the context ended.
func (i innocent) edit(ctx context.Context, value string) (time.Duration, error) {
	began := time.Now()
	patch := fmt.Sprintf(`[{"op":"replace","path":"/spec/components/0/properties/%s","value":%q}]`, i.parameter, value)
	if _, err := i.apps.Patch(ctx, i.name, types.JSONPatchType, []byte(patch), metav1.PatchOptions{}); err != nil {
		return 0, err
	}
	refused := false
	err := waitUntil(patience, "the edit of "+i.name+" to arrive", func() error {
		live, err := i.deployed.Get(ctx, i.name, metav1.GetOptions{})
		if ctx.Err() != nil {
			return nil
		}
		// With the race detector in it an evaluation that competes with others for two cores may take longer than it may.
		if refused = raceDetector && i.tookTooLong(ctx); refused {
			return nil
		}
		if err == nil && i.read(live) != value {
			err = fmt.Errorf("it still has %q", i.read(live))
		}
		return err
	})
	if refused {
		return i.edit(ctx, value+"-again") // the same would be refused for a while
	}
	return time.Since(began), errors.Join(err, ctx.Err())
}

// tookTooLong says that the application is stalled since its definition took too long to evaluate.
func (i innocent) tookTooLong(ctx context.Context) bool {
	app, err := i.apps.Get(ctx, i.name, metav1.GetOptions{})
	return err == nil && isSlow(app)
}

// isSlow says that an application, as it is now, is stalled since a definition took too long to evaluate.
func isSlow(app *unstructured.Unstructured) bool {
	stalled := conditionOf(app, v1alpha1.ConditionStalled)
	message, _ := stalled["message"].(string)
	observed := nested[int64](app, "status", "observedGeneration") == app.GetGeneration()
	return observed && stalled["status"] == "True" && strings.Contains(message, "took longer than")
}

// TestHostileDefinitions lets tenants define types that never end, explode or break the evaluator: each application that
// uses one hears of it soon, nobody else waits, and the manager stays small.
func TestHostileDefinitions(t *testing.T) {
	s := newSiege(t, sharedFleet(t))
	s.measure(t)
	began := s.ended(t)
	stop := s.watchMemory(t, s.memory(t))
	for _, h := range hostileTypes() {
		t.Run(h.name, func(t *testing.T) { s.endure(t, h) })
	}
	stop()
	stop = s.watchMemory(t, s.memory(t))
	t.Run("together", s.endureAll)
	stop()
	t.Run("quiet", func(t *testing.T) { s.isQuiet(t, began) })
	t.Run("after", s.after)
}

func newSiege(t *testing.T, f *fleet) *siege {
	t.Helper()
	s := &siege{fleet: f, harm: "hostile-team", peace: "hostile-others", hub: hubObjects(t, f.env.Hub())}
	for _, name := range []string{s.harm, s.peace} {
		create(t, s.hub, namespaces, "", object(fmt.Sprintf(`{"apiVersion":"v1","kind":"Namespace","metadata":{"name":%q}}`, name)))
	}
	own := ownDefinition{kind: "ComponentDefinition", namespace: s.peace, name: "own-note", template: ownNote}
	f.undefineAtEnd(t, own)
	f.define(t, own)
	f.isUsable(t, own)
	apps, deployed := s.hub.Resource(applications).Namespace(s.peace), s.hub.Resource(deployments).Namespace(s.peace)
	s.plain = innocent{name: "plain", parameter: "image", apps: apps, deployed: deployed, read: func(live *unstructured.Unstructured) string {
		containers := nested[[]any](live, "spec", "template", "spec", "containers")
		image, _ := containers[0].(map[string]any)["image"].(string)
		return image
	}}
	s.own = innocent{name: "own", parameter: "note", apps: apps, deployed: deployed, read: func(live *unstructured.Unstructured) string { return live.GetLabels()["note"] }}
	create(t, s.hub, applications, s.peace, oneComponent("plain", "webservice", `{"image": "nginx:0"}`))
	create(t, s.hub, applications, s.peace, oneComponent("own", "own-note", `{"note": "none"}`))
	return s
}

// oneComponent is an application of one component, named as itself.
func oneComponent(name, componentType, properties string) *unstructured.Unstructured {
	return object(fmt.Sprintf(`{"apiVersion": "core.oam.dev/v1beta1", "kind": "Application", "metadata": {"name": %q},
		"spec": {"components": [{"name": %q, "type": %q, "properties": %s}]}}`, name, name, componentType, properties))
}

// measure edits while nobody means harm, first to warm up.
func (s *siege) measure(t *testing.T) {
	t.Helper()
	for _, i := range []*innocent{&s.plain, &s.own} {
		for n := range 2 * warmUp {
			took, err := i.edit(t.Context(), fmt.Sprint("usual-", n))
			if err != nil {
				t.Fatal(err)
			}
			if n >= warmUp {
				i.usual = max(i.usual, took)
			}
		}
		t.Logf("an edit of %s takes up to %s", i.name, i.usual.Round(time.Millisecond))
	}
}

// keepEditing edits an application until it is stopped, which returns the longest that an edit took, or until the test ends.
func (i innocent) keepEditing(t *testing.T, prefix string) (stop func() time.Duration) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	var group sync.WaitGroup
	var longest time.Duration
	t.Cleanup(func() {
		cancel()
		group.Wait()
	})
	group.Go(func() {
		for n := 0; ; n++ {
			took, err := i.edit(ctx, fmt.Sprintf("%s-%d", prefix, n))
			if ctx.Err() != nil {
				return
			}
			if err != nil {
				t.Errorf("edit %d of %s: %v", n, i.name, err)
				return
			}
			longest = max(longest, took)
			select {
			case <-ended:
				return
			default:
			}
		}
	})
	return func() time.Duration {
		close(ended)
		group.Wait()
		return longest
	}
}

// peacefully does something while others edit, and checks that it delays them by no more than it may.
func (s *siege) peacefully(t *testing.T, delay time.Duration, do func()) {
	t.Helper()
	var stops []func()
	for _, i := range []innocent{s.plain, s.own} {
		stop := i.keepEditing(t, strings.ToLower(t.Name()[strings.LastIndex(t.Name(), "/")+1:]))
		stops = append(stops, func() {
			longest := stop()
			t.Logf("edits of %s took up to %s", i.name, longest.Round(time.Millisecond))
			if most := delay + unevenness*i.usual; longest > most && !raceDetector {
				t.Errorf("an edit of %s took %s, and up to %s before: want at most %s", i.name, longest, i.usual, most)
			}
		})
	}
	do()
	for _, stop := range stops {
		stop()
	}
}

// endure has one type used that means harm.
func (s *siege) endure(t *testing.T, h hostileType) {
	d := h.definition(s.harm)
	s.fleet.undefineAtEnd(t, d)
	s.peacefully(t, delaysBy, func() {
		s.fleet.define(t, d)
		began := time.Now()
		create(t, s.hub, applications, s.harm, oneComponent(h.name, h.name, propertiesOf(h)))
		s.hears(t, h, h.name)
		took, limit := time.Since(began), failsWithin+slowness*max(s.plain.usual, s.own.usual)
		t.Logf("the application heard of it after %s", took.Round(time.Millisecond))
		if took > limit && !raceDetector {
			t.Errorf("the application heard of it after %s, want %s", took, limit)
		}
		s.isJudged(t, h, d)
	})
	s.remove(t, h.name)
}

func propertiesOf(h hostileType) string {
	if h.properties == "" {
		return "{}"
	}
	return h.properties
}

// hears waits until the application that uses a type says what is wrong with it.
func (s *siege) hears(t *testing.T, h hostileType, name string) {
	t.Helper()
	eventually(t, patience, fmt.Sprintf("application %s to say one of %q", name, h.says), func() error {
		app := s.fleet.get(t, v1alpha1.LocalCluster, applications, s.harm, name)
		stalled := conditionOf(app, v1alpha1.ConditionStalled)
		text := fmt.Sprint(stalled["message"])
		if h.runs {
			text = fmt.Sprint(nested[[]any](app, "status", "services"))
		}
		if isStalled, phase := stalled["status"] == "True", nested[string](app, "status", "status"); isStalled == h.runs || h.runs && phase != "running" {
			return fmt.Errorf("its phase is %q, condition Stalled %v", phase, stalled)
		}
		if len(h.says) > 0 && !slices.ContainsFunc(h.says, func(one string) bool { return strings.Contains(text, one) }) {
			return fmt.Errorf("it says %s", text)
		}
		return nil
	})
}

// isJudged waits until the definition says what is wrong with it.
func (s *siege) isJudged(t *testing.T, h hostileType, d ownDefinition) {
	t.Helper()
	if h.compiles {
		s.fleet.isUsable(t, d)
		return
	}
	s.fleet.stalls(t, v1beta1.GroupVersion.WithResource("componentdefinitions"), d.namespace, d.name, "CompileFailed")
}

// remove deletes an application of who means harm, and waits until it is gone.
func (s *siege) remove(t *testing.T, name string) {
	t.Helper()
	apps := s.hub.Resource(applications).Namespace(s.harm)
	if err := apps.Delete(t.Context(), name, metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	eventually(t, patience, "application "+name+" to be gone", func() error { return isAbsent(apps, name) })
}

// endureAll has all types used at once, in a form that was not seen before.
func (s *siege) endureAll(t *testing.T) {
	// What runs is no harm: with all others at once it may be too slow for a busy machine.
	all := slices.DeleteFunc(hostileTypes(), func(h hostileType) bool { return h.runs })
	for i := range all {
		all[i].name += "-again"
		all[i].template += "\n_again: true\n"
		d := all[i].definition(s.harm)
		s.fleet.undefineAtEnd(t, d)
	}
	// The definitions of others are evaluated in the same process: with all of these at once they wait for it twice.
	s.peacefully(t, 2*delaysBy, func() {
		for _, h := range all {
			s.fleet.define(t, h.definition(s.harm))
			create(t, s.hub, applications, s.harm, oneComponent(h.name, h.name, propertiesOf(h)))
		}
		for _, h := range all {
			s.hears(t, h, h.name)
			s.isJudged(t, h, h.definition(s.harm))
		}
	})
}

// memory is the resident memory of the manager alone, in bytes, less the pages of its binary, which are the system's to keep.
func (s *siege) memory(t *testing.T) int64 {
	t.Helper()
	return statusField(t, s.fleet.manager.cmd.Process.Pid, "RssAnon") << 10
}

// watchMemory looks at the manager's memory until it is stopped, and checks by how much it has grown.
func (s *siege) watchMemory(t *testing.T, before int64) (stop func()) {
	t.Helper()
	if runtime.GOOS != "linux" || raceDetector {
		return func() {}
	}
	ended := make(chan struct{})
	var group sync.WaitGroup
	most := before
	end := sync.OnceFunc(func() {
		close(ended)
		group.Wait()
	})
	t.Cleanup(end)
	group.Go(func() {
		ticker := time.NewTicker(pollInterval)
		defer ticker.Stop()
		for {
			most = max(most, s.memory(t))
			select {
			case <-ended:
				return
			case <-ticker.C:
			}
		}
	})
	return func() {
		end()
		t.Logf("the manager took %d MiB before and up to %d MiB", before>>20, most>>20)
		if most-before > growsBy {
			t.Errorf("the manager grew by %d MiB, want at most %d", (most-before)>>20, growsBy>>20)
		}
	}
}

// ended is how many processes that evaluate definitions the manager says it has ended.
func (s *siege) ended(t *testing.T) int {
	t.Helper()
	content, err := os.ReadFile(s.fleet.manager.logPath)
	if err != nil {
		t.Fatal(err)
	}
	return strings.Count(string(content), "ended the process that evaluates definitions")
}

// isQuiet checks that what was ended is not tried again and again.
func (s *siege) isQuiet(t *testing.T, before int) {
	count := s.ended(t)
	t.Logf("%d processes were ended", count-before)
	// A type is evaluated by its definition, by its template and by what judges, together with others and then alone.
	if most := 2 * 4 * len(hostileTypes()); count-before > most {
		t.Errorf("%d processes were ended for %d types, want at most %d", count-before, 2*len(hostileTypes()), most)
	}
	ticker := time.NewTicker(time.Second)
	defer ticker.Stop()
	for end := time.Now().Add(observation); time.Now().Before(end); <-ticker.C {
		if now := s.ended(t); now > count {
			t.Fatalf("%d more processes were ended after all was said", now-count)
		}
	}
}

// after checks that the manager works as before, when what means harm is gone.
func (s *siege) after(t *testing.T) {
	var errs []error
	for _, i := range []innocent{s.plain, s.own} {
		_, err := i.edit(t.Context(), "after")
		errs = append(errs, err, i.apps.Delete(t.Context(), i.name, metav1.DeleteOptions{}))
	}
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
	for _, i := range []innocent{s.plain, s.own} {
		eventually(t, patience, i.name+" to be gone", func() error { return isAbsent(i.deployed, i.name) })
	}
}
