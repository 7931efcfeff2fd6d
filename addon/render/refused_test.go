// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package render_test

import (
	"testing"

	"github.com/fairlead-io/terraform-provider-fairlead/addon/definition"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/render"
)

// TestTraitRefuses uses traits on containers and pods that are not there, or
// with parameters that exclude each other.
func TestTraitRefuses(t *testing.T) {
	web := usual()
	config := render.Component{Name: "web", Type: "k8s-objects", Properties: object{"objects": []any{
		object{"apiVersion": "v1", "kind": "ConfigMap", "metadata": object{"name": "settings"}},
	}}}
	sidecar := render.Trait{Type: "sidecar", Properties: object{"name": "proxy", "image": "envoy"}}
	unnamed := func(properties object) object { return object{"containers": []any{properties}} }
	image := object{"image": "nginx"}
	initial := object{"name": "fetch", "image": "busybox", "appMountPath": "/srv", "initMountPath": "/work"}
	cases := map[string]struct {
		reason    string
		component render.Component
	}{
		"CommandAbsent":      {"A container that does not exist; those that do are named.", with(web, sidecar, render.Trait{Type: "command", Properties: object{"containerName": "prxy"}})},
		"CommandUnnamed":     {"One of several containers must be named.", with(web, render.Trait{Type: "command", Properties: unnamed(object{"command": []any{"a"}})})},
		"CommandBoth":        {"Arguments are given, or added to and removed from those that are there.", with(web, render.Trait{Type: "command", Properties: object{"args": []any{"a"}, "addArgs": []any{"b"}}})},
		"CommandDelete":      {"The same for removed arguments, and for one of several containers.", with(web, render.Trait{Type: "command", Properties: object{"containers": []any{object{"containerName": "web", "args": []any{"a"}, "delArgs": []any{"a"}}}}})},
		"ImageAbsent":        {"A container that does not exist.", with(web, render.Trait{Type: "container-image", Properties: object{"containerName": "log", "image": "nginx"}})},
		"ImageUnnamed":       {"One of several containers must be named.", with(web, render.Trait{Type: "container-image", Properties: unnamed(image)})},
		"PortsAbsent":        {"A container that does not exist.", with(web, render.Trait{Type: "container-ports", Properties: object{"containerName": "log"}})},
		"PortsUnnamed":       {"One of several containers must be named.", with(web, render.Trait{Type: "container-ports", Properties: unnamed(object{})})},
		"EnvAbsent":          {"A container that does not exist.", with(web, render.Trait{Type: "env", Properties: object{"containerName": "log"}})},
		"EnvUnnamed":         {"All entries that name no container are reported.", with(web, render.Trait{Type: "env", Properties: object{"containers": []any{object{}, object{"containerName": "web"}, object{}}}})},
		"SecurityAbsent":     {"A container that does not exist.", with(web, render.Trait{Type: "securitycontext", Properties: object{"containerName": "log"}})},
		"SecurityUnnamed":    {"One of several containers must be named.", with(web, render.Trait{Type: "securitycontext", Properties: unnamed(object{})})},
		"StartupAbsent":      {"A container that does not exist.", with(web, render.Trait{Type: "startup-probe", Properties: object{"containerName": "log", "exec": object{"command": []any{"a"}}}})},
		"StartupUnnamed":     {"One of several probes must name its container.", with(web, render.Trait{Type: "startup-probe", Properties: object{"probes": []any{object{"exec": object{"command": []any{"a"}}}}}})},
		"ContainersPodless":  {"An object without pods has no containers.", with(config, render.Trait{Type: "env", Properties: object{"env": object{"A": "1"}}})},
		"SidecarPodless":     {"A container cannot be added to an object without pods.", with(config, sidecar)},
		"AffinityPodless":    {"Nor can pods be told where to run.", with(config, render.Trait{Type: "affinity", Properties: object{}})},
		"HostaliasPodless":   {"Nor be given names.", with(config, render.Trait{Type: "hostalias", Properties: object{"hostAliases": []any{}}})},
		"LifecyclePodless":   {"Nor hooks.", with(config, render.Trait{Type: "lifecycle", Properties: object{}})},
		"SecurityPodless":    {"Nor a security context.", with(config, render.Trait{Type: "podsecuritycontext", Properties: object{}})},
		"InitPodless":        {"Nor a container that runs first.", with(config, render.Trait{Type: "init-container", Properties: initial})},
		"BindingPodless":     {"Nor variables.", with(config, render.Trait{Type: "service-binding", Properties: object{"envMappings": object{}}})},
		"StoragePodless":     {"Nor volumes.", with(config, render.Trait{Type: "storage", Properties: object{"emptyDir": []any{object{"name": "a", "mountPath": "/a"}}}})},
		"ConfigMapPodless":   {"Nor a mounted ConfigMap.", with(config, render.Trait{Type: "configmap", Properties: object{"volumes": []any{object{"name": "a", "mountPath": "/a"}}}})},
		"ClaimPodless":       {"Nor a claim.", with(config, render.Trait{Type: "pvc", Properties: claim(object{})})},
		"VolumesPodless":     {"Nor volumes without mounts.", with(config, render.Trait{Type: "volumes", Properties: object{"volumes": []any{object{"name": "a"}}}})},
		"SidecarTaken":       {"A container's name is taken.", with(web, sidecar, render.Trait{Type: "sidecar", Properties: object{"name": "proxy", "image": "haproxy"}})},
		"ImageMissing":       {"The alternative that is meant lacks a parameter.", with(web, render.Trait{Type: "container-image", Properties: object{"imagePullPolicy": "Always"}})},
		"ContainersMisspelt": {"A mistake in one of several containers is found there.", with(web, render.Trait{Type: "container-image", Properties: unnamed(object{"containerName": "web", "imgae": "nginx", "image": "nginx"})})},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			_, err := render.New(definition.Builtin()).Render(place(), tc.component)
			if err == nil {
				t.Fatalf("%s It was rendered.", tc.reason)
			}
			golden(t, "refused/"+name, "# "+tc.reason+"\n"+err.Error()+"\n")
		})
	}
}
