{{- define "fairlead.labels" -}}
{{ include "fairlead.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/part-of: fairlead
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{- end -}}

{{- define "fairlead.selector" -}}
app.kubernetes.io/name: fairlead-addon
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "fairlead.image" -}}
{{ .Values.image | default (printf "ghcr.io/fairlead-io/fairlead-addon:%s" .Chart.AppVersion) }}
{{- end -}}

{{- /* The ClusterRoles that the addon may hand out, as a JSON list. It is valid YAML and valid CEL. */ -}}
{{- define "fairlead.deployerRoles" -}}
{{ concat (list "fairlead-deployer") .Values.deployer.extraRoles | uniq | toJson }}
{{- end -}}

{{- define "fairlead.account" -}}
system:serviceaccount:{{ .Release.Namespace }}:fairlead-addon
{{- end -}}

{{- /* A CEL expression: is the namespace, given as a CEL expression, one that nothing may be delivered to?
       Arguments: a dict of namespace and root. */ -}}
{{- define "fairlead.reserved" -}}
({{ .namespace }}.startsWith('kube-') || {{ .namespace }}.startsWith('open-cluster-management') || {{ .namespace }} in ['{{ list "fairlead-system" "vela-system" .root.Release.Namespace | uniq | join "', '" }}'])
{{- end -}}

{{- /* The match condition of policies over the addon's own account. */ -}}
{{- define "fairlead.byAddon" -}}
- name: by-the-addon
  expression: request.userInfo.username == {{ include "fairlead.account" . | squote }}
{{- end -}}
