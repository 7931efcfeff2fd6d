// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package constraint_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/utils/ptr"

	"github.com/fairlead-io/terraform-provider-fairlead/addon/api/v1alpha1"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/constraint"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/render"
)

type object = map[string]any

// made is an object of the target namespace.
func made(apiVersion, kind string, spec object) object {
	return object{"apiVersion": apiVersion, "kind": kind, "metadata": object{"name": "web", "namespace": "shop"}, "spec": spec}
}

func pod(field string, images ...string) object {
	var containers []any
	for _, image := range images {
		containers = append(containers, object{"name": "c", "image": image})
	}
	return object{field: containers}
}

func template(spec object) object { return object{"template": object{"spec": spec}} }

// checkObject gives the texts of the rules that an object breaks.
func checkObject(t *testing.T, spec v1alpha1.Constraints, content object) []string {
	t.Helper()
	checked, err := constraint.Read("prod", &spec)
	if err != nil {
		t.Fatal(err)
	}
	rendered := render.Object{Content: content}
	var texts []string
	for _, breach := range checked.Check(rendered) {
		texts = append(texts, checked.Text(rendered, breach))
	}
	return texts
}

func TestRegistries(t *testing.T) {
	tests := []struct {
		reason, registry, image string
		want                    bool
	}{
		{"a path below the registry", "ghcr.io/acme", "ghcr.io/acme/web:1", true},
		{"the image itself", "ghcr.io/acme/web", "ghcr.io/acme/web:1", true},
		{"a prefix ends at a slash", "ghcr.io/acme", "ghcr.io/acme-evil/web", false},
		{"a prefix of the image's last part", "ghcr.io/acme/web", "ghcr.io/acme/web2", false},
		{"a slash at the end means the same", "ghcr.io/acme/", "ghcr.io/acme/web", true},
		{"another host", "ghcr.io/acme", "ghcr.io.evil.com/acme/web", false},
		{"a host in the path", "ghcr.io/acme", "evil.com/ghcr.io/acme/web", false},
		{"a whole registry", "ghcr.io", "ghcr.io/a/b/c", true},
		{"a host is no prefix of another", "ghcr.io", "ghcr.io2/a", false},
		{"a port is part of the host", "registry.local:5000", "registry.local:5000/a", true},
		{"another port is another registry", "registry.local:5000", "registry.local:5001/a", false},
		{"a host without its port", "registry.local", "registry.local:5000/a", false},
		{"localhost is a host", "localhost", "localhost/a", true},
		{"an image without a host is Docker Hub's", "docker.io", "nginx", true},
		{"and in its library", "docker.io/library", "nginx:1", true},
		{"an organisation of Docker Hub", "docker.io/acme", "acme/web", true},
		{"another organisation", "docker.io/acme", "acme2/web", false},
		{"an image is in no organisation of its name", "docker.io/nginx", "nginx", false},
		{"an image of the library, named alone", "nginx", "nginx:1@sha256:" + digestOfTests, true},
		{"an organisation, named alone, with its image", "acme/web", "docker.io/acme/web", true},
		{"Docker Hub's other name, in the image", "docker.io", "index.docker.io/library/nginx", true},
		{"and in the registry", "index.docker.io/acme", "acme/web", true},
		{"and alone", "index.docker.io", "nginx", true},
		{"no other Docker Hub", "ghcr.io", "nginx", false},
		{"no image at all", "ghcr.io", "https://ghcr.io/acme", false},
		{"upper case is no path", "ghcr.io", "ghcr.io/ACME/web", false},
		{"a digest of no known kind", "ghcr.io", "ghcr.io/acme/web@md5:abc", false},
		{"space", "ghcr.io", "ghcr.io/acme/web ", false},
	}
	for _, test := range tests {
		t.Run(test.registry+" "+test.image, func(t *testing.T) {
			found := checkObject(t, v1alpha1.Constraints{AllowedRegistries: []string{test.registry}}, made("v1", "Pod", pod("containers", test.image)))
			if got := len(found) == 0; got != test.want {
				t.Errorf("allowed %t, want %t, since: %s\n%v", got, test.want, test.reason, found)
			}
		})
	}
}

const digestOfTests = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

func TestConstraints(t *testing.T) {
	registries := v1alpha1.Constraints{AllowedRegistries: []string{"ghcr.io/acme", "quay.io"}}
	three := v1alpha1.Constraints{MaxReplicas: ptr.To(int32(3))}
	const use = "use an image of one of these, or ask the platform team to admit its registry"
	const rule = `(environment "prod": spec.constraints.allowedRegistries allows ghcr.io/acme, quay.io): `
	const lower = "set it to 3 or less, or ask the platform team to raise the limit"
	const isThree = `(environment "prod": spec.constraints.maxReplicas is 3): `
	tests := []struct {
		name, reason string
		spec         v1alpha1.Constraints
		object       object
		want         []string
	}{
		{name: "nothing", reason: "an environment without constraints takes any namespaced object", object: made("v1", "Pod", pod("containers", "nginx"))},
		{
			name: "containers of all kinds", reason: "each is pulled; the path names the field", spec: registries,
			object: made("apps/v1", "Deployment", template(object{
				"containers": []any{object{"image": "quay.io/a"}, object{"image": "evil/a"}}, "initContainers": []any{object{"image": "evil/b"}},
				"ephemeralContainers": []any{object{"image": "evil/c"}}, "volumes": []any{object{"image": object{"reference": "evil/d"}}, object{"emptyDir": object{}}},
			})),
			want: []string{
				"Deployment.apps shop/web: spec.template.spec.containers[1].image: image docker.io/evil/a is of no allowed registry " + rule + use,
				"Deployment.apps shop/web: spec.template.spec.ephemeralContainers[0].image: image docker.io/evil/c is of no allowed registry " + rule + use,
				"Deployment.apps shop/web: spec.template.spec.initContainers[0].image: image docker.io/evil/b is of no allowed registry " + rule + use,
				"Deployment.apps shop/web: spec.template.spec.volumes[0].image.reference: image docker.io/evil/d is of no allowed registry " + rule + use,
			},
		},
		{
			name: "cron job", reason: "its pods come from a template of jobs", spec: registries,
			object: made("batch/v1", "CronJob", object{"jobTemplate": object{"spec": template(pod("containers", "evil/a"))}}),
			want:   []string{"CronJob.batch shop/web: spec.jobTemplate.spec.template.spec.containers[0].image: image docker.io/evil/a is of no allowed registry " + rule + use},
		},
		{
			name: "unknown kind", reason: "a list of containers is recognised anywhere", spec: registries,
			object: made("x.io/v1", "Fleet", object{"roles": []any{object{"podSpec": pod("containers", "evil/a")}}}),
			want:   []string{"Fleet.x.io shop/web: spec.roles[0].podSpec.containers[0].image: image docker.io/evil/a is of no allowed registry " + rule + use},
		},
		{
			name: "no image", reason: "an operator fills it in; what is no text is refused without being shown", spec: registries,
			object: made("x.io/v1", "Fleet", object{"containers": []any{object{"name": "a"}, object{"image": ""}, object{"image": nil}, object{"image": object{"a": "secret"}}, "text"}}),
			want:   []string{"Fleet.x.io shop/web: spec.containers[3].image: is no name of an image " + rule + "write host/path:tag or host/path@sha256:digest"},
		},
		{
			name: "digest", reason: "a tag may be moved", spec: v1alpha1.Constraints{RequireImageDigest: true},
			object: made("v1", "Pod", pod("containers", "a:1", "a@sha256:"+digestOfTests, "a:1@sha256:"+digestOfTests, "NO")),
			want: []string{
				`Pod shop/web: spec.containers[0].image: image docker.io/library/a is named without a digest (environment "prod": spec.constraints.requireImageDigest is true): name it as docker.io/library/a@sha256:...`,
				`Pod shop/web: spec.containers[3].image: is no name of an image (environment "prod": spec.constraints.requireImageDigest): write host/path:tag or host/path@sha256:digest`,
			},
		},
		{
			name: "denied", reason: "without a group every group is meant", spec: v1alpha1.Constraints{DeniedKinds: []string{"Service"}}, object: made("serving.knative.dev/v1", "Service", nil),
			want: []string{`Service.serving.knative.dev shop/web: kind Service.serving.knative.dev is denied (environment "prod": spec.constraints.deniedKinds denies Service): leave the object out, or ask the platform team to admit the kind`},
		},
		{name: "denied with a group", reason: "only that group is meant", spec: v1alpha1.Constraints{DeniedKinds: []string{"Service.serving.knative.dev"}}, object: made("v1", "Service", nil)},
		{name: "allowed", reason: "without a group Kubernetes' own is meant", spec: v1alpha1.Constraints{AllowedKinds: []string{"Ingress"}}, object: made("networking.k8s.io/v1", "Ingress", nil)},
		{
			name: "not allowed", reason: "another group's Service may run pods", spec: v1alpha1.Constraints{AllowedKinds: []string{"Service", "Deployment.apps"}}, object: made("serving.knative.dev/v1", "Service", nil),
			want: []string{`Service.serving.knative.dev shop/web: kind Service.serving.knative.dev is not allowed (environment "prod": spec.constraints.allowedKinds allows Service, Deployment.apps): leave the object out, or ask the platform team to admit the kind`},
		},
		{
			name: "denied and allowed", reason: "what is denied is not allowed", spec: v1alpha1.Constraints{AllowedKinds: []string{"Secret"}, DeniedKinds: []string{"Secret"}}, object: made("v1", "Secret", nil),
			want: []string{`Secret shop/web: kind Secret is denied (environment "prod": spec.constraints.deniedKinds denies Secret): leave the object out, or ask the platform team to admit the kind`},
		},
		{
			name: "list", reason: "objects of a list count, wherever they are", spec: v1alpha1.Constraints{DeniedKinds: []string{"Secret"}},
			object: object{"apiVersion": "v1", "kind": "List", "metadata": object{"name": "web", "namespace": "shop"}, "items": []any{
				made("v1", "ConfigMap", nil), object{"apiVersion": "v1", "kind": "SecretList", "items": []any{made("v1", "Secret", nil)}},
				object{"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole"},
			}},
			want: []string{
				`List shop/web: items[1].items[0]: kind Secret is denied (environment "prod": spec.constraints.deniedKinds denies Secret): leave the object out, or ask the platform team to admit the kind`,
				`List shop/web: items[2]: objects of kind ClusterRole.rbac.authorization.k8s.io belong to no namespace (environment "prod": spec.constraints.allowClusterScoped is false): leave the object out, or ask the platform team to deliver it`,
			},
		},
		{
			name: "no namespace", reason: "refused unless it is allowed", object: object{"apiVersion": "v1", "kind": "Namespace", "metadata": object{"name": "web"}},
			want: []string{`Namespace /web: objects of kind Namespace belong to no namespace (environment "prod": spec.constraints.allowClusterScoped is false): leave the object out, or ask the platform team to deliver it`},
		},
		{name: "no namespace, allowed", reason: "the account's rights decide", spec: v1alpha1.Constraints{AllowClusterScoped: true}, object: object{"apiVersion": "v1", "kind": "Namespace", "metadata": object{"name": "web"}}},
		{name: "as many", reason: "the bound itself is allowed", spec: three, object: made("apps/v1", "Deployment", object{"replicas": int64(3)})},
		{name: "unset", reason: "means one", spec: three, object: made("apps/v1", "Deployment", nil)},
		{
			name: "too many", reason: "the number is above the bound", spec: three, object: made("apps/v1", "StatefulSet", object{"replicas": int64(4)}),
			want: []string{"StatefulSet.apps shop/web: spec.replicas: 4 is more than 3 " + isThree + lower},
		},
		{
			name: "any kind", reason: "replicas of a CRD are pods as well", spec: three, object: made("argoproj.io/v1alpha1", "Rollout", object{"replicas": float64(4)}),
			want: []string{"Rollout.argoproj.io shop/web: spec.replicas: 4 is more than 3 " + isThree + lower},
		},
		{
			name: "no number", reason: "what cannot be compared is refused", spec: three, object: made("x.io/v1", "X", object{"replicas": "4"}),
			want: []string{"X.x.io shop/web: spec.replicas: is no whole number " + isThree + lower},
		},
		{
			name: "autoscaler", reason: "it scales that far", spec: three, object: made("autoscaling/v2", "HorizontalPodAutoscaler", object{"maxReplicas": int64(10)}),
			want: []string{"HorizontalPodAutoscaler.autoscaling shop/web: spec.maxReplicas: 10 is more than 3 " + isThree + lower},
		},
		{
			name: "KEDA", reason: "unset means 100", spec: three, object: made("keda.sh/v1alpha1", "ScaledObject", object{}),
			want: []string{"ScaledObject.keda.sh shop/web: spec.maxReplicaCount: is not set and so 100, which is more than 3 " + isThree + lower},
		},
		{name: "KEDA, set", reason: "below the bound", spec: three, object: made("keda.sh/v1alpha1", "ScaledObject", object{"maxReplicaCount": int64(2)})},
		{
			name: "cron job's pods", reason: "a job runs as many at once", spec: three, object: made("batch/v1", "CronJob", object{"jobTemplate": object{"spec": object{"parallelism": int64(9)}}}),
			want: []string{"CronJob.batch shop/web: spec.jobTemplate.spec.parallelism: 9 is more than 3 " + isThree + lower},
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if diff := cmp.Diff(test.want, checkObject(t, test.spec, test.object)); diff != "" {
				t.Errorf("(-want +got), since %s:\n%s", test.reason, diff)
			}
		})
	}
}
