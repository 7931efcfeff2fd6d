// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package render_test

import (
	"fmt"
	"runtime"
	"testing"

	"github.com/fairlead-io/terraform-provider-fairlead/addon/definition"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/render"
)

// typical is the application that OAM controllers are measured with.
func typical(name string) render.Component {
	c := with(usual(), render.Trait{Type: "labels", Properties: object{"tier": "front"}}, render.Trait{Type: "scaler", Properties: object{"replicas": int64(2)}})
	c.Name = name
	return c
}

// BenchmarkRenderCold renders a component with two traits that was not rendered before.
func BenchmarkRenderCold(b *testing.B) {
	r := render.New(definition.Builtin())
	b.ReportAllocs()
	i := 0
	for b.Loop() {
		i++
		if _, err := r.Render(place(), typical(fmt.Sprintf("web-%d", i))); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkRenderCached renders the same component again.
func BenchmarkRenderCached(b *testing.B) {
	r := render.New(definition.Builtin())
	c := typical("web")
	b.ReportAllocs()
	for b.Loop() {
		if _, err := r.Render(place(), c); err != nil {
			b.Fatal(err)
		}
	}
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
