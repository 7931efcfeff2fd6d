// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

//go:build unix

package render_test

import (
	"fmt"
	"runtime"
	"syscall"
	"testing"
	"time"

	"github.com/fairlead-io/terraform-provider-fairlead/addon/definition"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/render"
)

// typical is the application that OAM controllers are measured with.
func typical(name string) render.Component {
	c := with(usual(), render.Trait{Type: "labels", Properties: object{"tier": "front"}}, render.Trait{Type: "scaler", Properties: object{"replicas": int64(2)}})
	c.Name = name
	return c
}

// pairs are usual components with usual traits, by what they are made of.
func pairs() map[string]render.Component {
	component := func(kind string, properties object, traits ...render.Trait) render.Component {
		return with(render.Component{Name: "web", Type: kind, Properties: properties}, traits...)
	}
	volume := list{object{"name": "data", "mountPath": "/data", "resources": object{"requests": object{"storage": "1Gi"}}}}
	apart := object{"podAntiAffinity": object{"preferred": list{object{
		"weight": int64(50), "podAffinityTerm": object{"labelSelector": object{"matchLabels": object{"app": "web"}}, "topologyKey": "kubernetes.io/hostname"},
	}}}}
	return map[string]render.Component{
		"webservice+labels+scaler": typical("web"),
		"webservice+gateway+hpa": with(usual(),
			render.Trait{Type: "gateway", Properties: object{"domain": "shop.example.com", "http": object{"/": int64(8080)}}},
			render.Trait{Type: "hpa", Properties: object{"min": int64(2), "max": int64(8), "cpu": object{"type": "Utilization", "value": int64(70)}}}),
		"statefulset+storage+sidecar": component("statefulset", usual().Properties,
			render.Trait{Type: "storage", Properties: object{"pvc": volume}},
			render.Trait{Type: "sidecar", Properties: object{"name": "proxy", "image": "envoy"}}),
		"task+env+resource": component("task", object{"image": "backup", "cmd": list{"backup"}},
			render.Trait{Type: "env", Properties: object{"env": object{"LEVEL": "info", "TARGET": "s3"}}},
			render.Trait{Type: "resource", Properties: object{"cpu": 0.5, "memory": "512Mi"}}),
		"cron-task+resource+annotations": component("cron-task", object{"image": "backup", "schedule": "0 3 * * *", "cmd": list{"backup"}},
			render.Trait{Type: "resource", Properties: object{"cpu": 0.5, "memory": "512Mi"}},
			render.Trait{Type: "annotations", Properties: object{"example.com/owner": "shop"}}),
		"worker+affinity+annotations": component("worker", object{"image": "mailer", "cmd": list{"mailer"}},
			render.Trait{Type: "affinity", Properties: apart},
			render.Trait{Type: "annotations", Properties: object{"example.com/owner": "shop"}}),
	}
}

// BenchmarkRenderCold renders components with two traits that were not rendered before.
func BenchmarkRenderCold(b *testing.B) {
	for name, c := range pairs() {
		b.Run(name, func(b *testing.B) {
			r := render.New(definition.Builtin())
			i := 0
			measure(b, func() error {
				i++
				c.Name = fmt.Sprintf("web-%d", i)
				_, err := r.Render(place(), c)
				return err
			})
		})
	}
}

// BenchmarkRenderCached renders the same components again.
func BenchmarkRenderCached(b *testing.B) {
	for name, c := range pairs() {
		b.Run(name, func(b *testing.B) {
			r := render.New(definition.Builtin())
			measure(b, func() error {
				_, err := r.Render(place(), c)
				return err
			})
		})
	}
}

// measure reports the processor time beside the time: only the former says
// something on a machine that has other things to do.
func measure(b *testing.B, do func() error) {
	b.Helper()
	// What is compiled when it is first needed is not measured.
	if err := do(); err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	before := processorTime(b)
	for b.Loop() {
		if err := do(); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64((processorTime(b)-before).Microseconds())/float64(b.N), "cpu-us/op")
}

// processorTime is how much of it this process has taken.
func processorTime(b *testing.B) time.Duration {
	b.Helper()
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		b.Fatal(err)
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}

// BenchmarkRenderFirst includes reading and compiling the definitions.
func BenchmarkRenderFirst(b *testing.B) {
	web, err := definition.Builtin().Lookup(definition.Component, "webservice")
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		fresh := &definition.Definition{Kind: web.Kind, Name: web.Name, Template: web.Template, Digest: web.Digest}
		if _, err := render.New(definition.NewLibrary(fresh)).Render(place(), usual()); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkRetained reports the heap that stays after many different renders.
func BenchmarkRetained(b *testing.B) {
	for _, n := range []int{1000, 10000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			for b.Loop() {
				before := heap()
				r := render.New(definition.Builtin())
				for i := range n {
					if _, err := r.Render(place(), typical(fmt.Sprintf("web-%d", i))); err != nil {
						b.Fatal(err)
					}
				}
				b.ReportMetric(float64(heap()-before)/1024, "KiB-retained")
				runtime.KeepAlive(r)
			}
		})
	}
}

func heap() int64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}
