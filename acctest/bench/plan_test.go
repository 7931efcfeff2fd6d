// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package bench

import (
	"bytes"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/fairlead-io/terraform-provider-fairlead/acctest/cluster"
	"github.com/fairlead-io/terraform-provider-fairlead/acctest/demo/terraform"
	"github.com/fairlead-io/terraform-provider-fairlead/acctest/tools"
)

const (
	// planGoal is how much longer than the engine alone a plan may take in which nothing changes.
	planGoal = 2
	// providerGoal is the memory of the largest process of the provider, in MiB.
	providerGoal = 300
	// planRuns is how often a plan is made; the figure is the median.
	planRuns = 5
	// sampleInterval is how often the memory of the provider's processes is looked at.
	sampleInterval = 50 * time.Millisecond
)

// planned are the components of each application.
const planned = `{
    web = {
      type = "webservice"
      properties = { image = "ghcr.io/acme/web:1", cpu = "100m", memory = "64Mi", ports = [{ port = 8080, expose = true }] }
      traits = { scaler = { replicas = 2 }, labels = { team = "shop" } }
    }
    api    = { type = "webservice", properties = { image = "ghcr.io/acme/api:1", ports = [{ port = 8081, expose = true }] } }
    worker = { type = "worker", properties = { image = "ghcr.io/acme/worker:1" } }
  }`

// TestPlan makes plans in which nothing changes: of many applications, and of as many resources that the engine has itself.
func TestPlan(t *testing.T) {
	h := startHub(t, cluster.Options{})
	h.create(t, namespaces, "", `{"apiVersion":"v1","kind":"Namespace","metadata":{"name":"plan"}}`)
	bin := buildProvider(t)
	count := *size.planned
	floor := newPlanner(t, bin, fmt.Sprintf("resource \"terraform_data\" \"this\" {\n  count = %d\n  input = %s\n}\n", count, planned))
	// An environment that there is not: what is delivered is none of the plan's cost.
	ours := newPlanner(t, bin, fmt.Sprintf(`terraform {
  required_providers {
    fairlead = { source = "fairlead-io/fairlead" }
  }
}
provider "fairlead" {
  hub = { config_path = %q }
}
resource "fairlead_application" "this" {
  count        = %d
  name         = "app-${count.index}"
  namespace    = "plan"
  environments = ["nowhere"]
  components   = %s
}
`, h.env.Hub().KubeconfigPath, count, planned))
	floor.apply(t)
	ours.apply(t)
	least, _ := floor.plans(t)
	from := h.auditFromNow(t)
	took, memory := ours.plans(t)
	reads := from.providerRequests(t)
	if want := map[string]int{"get applications": count * planRuns}; !maps.Equal(want, reads) {
		t.Errorf("requests of %d plans: %v, want %v", planRuns, reads, want)
	}
	if memory > providerGoal<<20 {
		t.Errorf("a process of the provider took %d bytes of memory, want at most %d MiB", memory, providerGoal)
	}
	workload := fmt.Sprintf("%d applications of 3 components, a plan without changes", count)
	figures.add(
		figure{Workload: workload, Name: "floor: as many terraform_data", Value: least.Seconds(), Unit: "s"},
		figure{Workload: workload, Name: "until it is made", Value: took.Seconds(), Unit: "s"},
		figure{Workload: workload, Name: "times the floor", Value: took.Seconds() / least.Seconds(), Unit: "", Goal: planGoal},
		figure{Workload: workload, Name: "requests for each application", Value: float64(reads["get applications"]) / float64(count*planRuns), Unit: "", Goal: 1},
		figure{Workload: workload, Name: "memory of the provider", Value: float64(memory) / (1 << 20), Unit: "MiB at most", Goal: providerGoal},
	)
}

// providerRequests counts what the provider asked of the hub's API, discovery apart.
func (a audit) providerRequests(t *testing.T) map[string]int {
	t.Helper()
	counts := map[string]int{}
	err := a.each(func(r request) {
		if strings.HasPrefix(r.UserAgent, "terraform-provider-fairlead/") && r.ObjectRef.Resource != "" {
			counts[r.what()]++
		}
	})
	if err != nil {
		t.Fatalf("audit log: %v", err)
	}
	return counts
}

// buildProvider builds the provider and returns its folder.
func buildProvider(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	build := exec.CommandContext(t.Context(), "go", "build", "-trimpath", "-buildvcs=false", "-o", filepath.Join(dir, "terraform-provider-fairlead"), ".")
	build.Dir = filepath.Join("..", "..")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build the provider: %v\n%s", err, out)
	}
	return dir
}

// planner is an engine in a folder with one configuration.
type planner struct {
	terraform.Workspace
	bin string
	out *bytes.Buffer
}

func newPlanner(t *testing.T, bin, configuration string) *planner {
	t.Helper()
	engine, err := terraform.Find(t.Context(), orAuto(os.Getenv("TF_ACC_TERRAFORM_PATH")), tools.Store{})
	if err != nil {
		t.Fatal(err)
	}
	source := t.TempDir()
	if err := os.WriteFile(filepath.Join(source, "main.tf"), []byte(configuration), 0o600); err != nil {
		t.Fatal(err)
	}
	p := &planner{bin: bin, out: &bytes.Buffer{}}
	p.Workspace = terraform.Workspace{Engine: engine, Dir: t.TempDir(), CLIConfig: filepath.Join(t.TempDir(), "engine.tfrc"), Out: p.out}
	if err := terraform.WriteCLIConfig(p.CLIConfig, bin); err != nil {
		t.Fatal(err)
	}
	if err := p.Prepare(source, map[string]any{}); err != nil {
		t.Fatal(err)
	}
	return p
}

func orAuto(engine string) string {
	if engine == "" {
		return terraform.Auto
	}
	return engine
}

func (p *planner) run(t *testing.T, args ...string) {
	t.Helper()
	p.out.Reset()
	if err := p.Run(t.Context(), args...); err != nil {
		t.Fatalf("%v\n%s", err, p.out)
	}
}

func (p *planner) apply(t *testing.T) {
	t.Helper()
	p.run(t, "apply", "-auto-approve", "-input=false", "-parallelism=20")
}

// plans makes plans, in which nothing may change, and returns the median of how long one took, and the most memory of a process
// of the provider.
func (p *planner) plans(t *testing.T) (time.Duration, int64) {
	t.Helper()
	stop, most := p.watchMemory()
	defer stop()
	var took []time.Duration
	for range planRuns {
		began := time.Now()
		p.run(t, "plan", "-detailed-exitcode", "-input=false", "-lock=false")
		took = append(took, time.Since(began))
	}
	slices.Sort(took)
	return took[len(took)/2], most.Load()
}

// watchMemory looks at the provider's processes until it is stopped.
func (p *planner) watchMemory() (stop func(), most *atomic.Int64) {
	most = &atomic.Int64{}
	done, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		ticker := time.NewTicker(sampleInterval)
		defer ticker.Stop()
		for {
			select {
			case <-done:
				return
			case <-ticker.C:
				most.Store(max(most.Load(), p.largest()))
			}
		}
	}()
	return func() { close(done); <-ended }, most
}

// largest is the most memory that a running process of the provider has taken.
func (p *planner) largest() int64 {
	links, err := filepath.Glob("/proc/[0-9]*/exe")
	if err != nil {
		return 0
	}
	var most int64
	for _, link := range links {
		if target, err := os.Readlink(link); err != nil || filepath.Dir(target) != p.bin {
			continue
		}
		if pid, err := strconv.Atoi(filepath.Base(filepath.Dir(link))); err == nil {
			most = max(most, statusBytes(pid, "VmHWM"))
		}
	}
	return most
}
