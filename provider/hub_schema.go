// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package provider

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"

	"github.com/hashicorp/terraform-plugin-framework-validators/listvalidator"
	"github.com/hashicorp/terraform-plugin-framework-validators/mapvalidator"
	"github.com/hashicorp/terraform-plugin-framework/attr"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/provider/schema"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/types"
	"github.com/hashicorp/terraform-plugin-framework/types/basetypes"

	"github.com/fairlead-io/terraform-provider-fairlead/provider/internal/hub"
)

// hubSchema is the attribute hub of the provider block.
func hubSchema() schema.Attribute {
	attributes := kubeconfigAttributes()
	maps.Copy(attributes, hostAttributes())
	maps.Copy(attributes, wayAttributes())
	attributes["exec"] = execAttribute()
	attributes["impersonate"] = impersonateAttribute()
	return schema.SingleNestedAttribute{
		Optional: true,
		MarkdownDescription: "The hub and one family of credentials: `config_path` or `config_paths`, or `kubeconfig`, or `in_cluster`, or `host` with one of `token`, " +
			"`token_path`, `exec`, and `client_certificate` with `client_key`. What is left out is read from `FAIRLEAD_*` variables, then from `KUBE_*` variables. " +
			"Any of the values may be known only after apply; then plans are made offline. Nothing else is tried: no `KUBECONFIG`, no default file, " +
			"no localhost, no account of a pod.",
		Attributes: attributes,
	}
}

// kubeconfigAttributes are the ways to name a kubeconfig.
func kubeconfigAttributes() map[string]schema.Attribute {
	return map[string]schema.Attribute{
		"config_path": schema.StringAttribute{
			Optional:            true,
			MarkdownDescription: "Path of a kubeconfig file. Also `FAIRLEAD_CONFIG_PATH`, `KUBE_CONFIG_PATH`.",
		},
		"config_paths": schema.ListAttribute{
			Optional:            true,
			Validators:          []validator.List{listvalidator.NoNullValues()},
			ElementType:         types.StringType,
			MarkdownDescription: "Paths of kubeconfig files that are merged; what comes first wins. Also `FAIRLEAD_CONFIG_PATHS`, `KUBE_CONFIG_PATHS`.",
		},
		"config_context": schema.StringAttribute{
			Optional: true,
			MarkdownDescription: "Context in the kubeconfig. Default: the current context of the kubeconfig. " +
				"Also `FAIRLEAD_CONFIG_CONTEXT`, `KUBE_CTX`.",
		},
		"config_context_cluster": schema.StringAttribute{
			Optional:            true,
			MarkdownDescription: "Cluster of the kubeconfig, instead of the context's. Also `FAIRLEAD_CONFIG_CONTEXT_CLUSTER`, `KUBE_CTX_CLUSTER`.",
		},
		"config_context_auth_info": schema.StringAttribute{
			Optional:            true,
			MarkdownDescription: "User of the kubeconfig, instead of the context's. Also `FAIRLEAD_CONFIG_CONTEXT_AUTH_INFO`, `KUBE_CTX_AUTH_INFO`.",
		},
		"kubeconfig": schema.StringAttribute{
			Optional:            true,
			Sensitive:           true,
			MarkdownDescription: "Content of a kubeconfig file; paths in it are relative to where Terraform runs. Also `FAIRLEAD_KUBECONFIG`.",
		},
	}
}

// hostAttributes are the parts of a hub that is named by its address.
func hostAttributes() map[string]schema.Attribute {
	return map[string]schema.Attribute{
		"host": schema.StringAttribute{
			Optional:            true,
			MarkdownDescription: "Address of the hub's API server, such as `https://hub.example.com:6443`. Also `FAIRLEAD_HOST`, `KUBE_HOST`.",
		},
		"cluster_ca_certificate": schema.StringAttribute{
			Optional: true,
			MarkdownDescription: "Certificate authority of `host`: PEM, or PEM in base64. Default: the authorities of the system. " +
				"Also `FAIRLEAD_CLUSTER_CA_CERTIFICATE`, `KUBE_CLUSTER_CA_CERT_DATA`.",
		},
		"tls_server_name": schema.StringAttribute{
			Optional:            true,
			MarkdownDescription: "Name that the certificate of `host` is verified against, where it differs from the address. Also `FAIRLEAD_TLS_SERVER_NAME`, `KUBE_TLS_SERVER_NAME`.",
		},
		"insecure": schema.BoolAttribute{
			Optional:            true,
			MarkdownDescription: "Do not verify the certificate of `host`. Whoever is on the way can then take the credential. Also `FAIRLEAD_INSECURE`, `KUBE_INSECURE`.",
		},
		"token": schema.StringAttribute{
			Optional:            true,
			Sensitive:           true,
			MarkdownDescription: "Bearer token for `host`. Also `FAIRLEAD_TOKEN`, `KUBE_TOKEN`.",
		},
		"token_path": schema.StringAttribute{
			Optional:            true,
			MarkdownDescription: "File with a bearer token for `host`, read again for every request. Also `FAIRLEAD_TOKEN_PATH`.",
		},
		"client_certificate": schema.StringAttribute{
			Optional:            true,
			MarkdownDescription: "Client certificate for `host`: PEM, or PEM in base64. Also `FAIRLEAD_CLIENT_CERTIFICATE`, `KUBE_CLIENT_CERT_DATA`.",
		},
		"client_key": schema.StringAttribute{
			Optional:            true,
			Sensitive:           true,
			MarkdownDescription: "Key of `client_certificate`: PEM, or PEM in base64. Also `FAIRLEAD_CLIENT_KEY`, `KUBE_CLIENT_KEY_DATA`.",
		},
	}
}

// wayAttributes are about the way to any hub, and the hub around a pod.
func wayAttributes() map[string]schema.Attribute {
	return map[string]schema.Attribute{
		"in_cluster": schema.BoolAttribute{
			Optional: true,
			MarkdownDescription: "The hub is the cluster in whose pod Terraform runs, and the credential is the pod's account: for an agent beside the hub. " +
				"Also `FAIRLEAD_IN_CLUSTER`.",
		},
		"proxy_url": schema.StringAttribute{
			Optional:  true,
			Sensitive: true,
			MarkdownDescription: "Proxy on the way to the hub, such as `http://proxy.example.com:3128`; also `https` and `socks5`. " +
				"Default: that of the kubeconfig, else what `HTTPS_PROXY` and `NO_PROXY` say. Also `FAIRLEAD_PROXY_URL`, `KUBE_PROXY_URL`.",
		},
	}
}

// execAttribute is a credential plugin.
func execAttribute() schema.Attribute {
	return schema.SingleNestedAttribute{
		Optional: true,
		MarkdownDescription: "Program that prints a credential for `host` (a [client-go credential plugin](https://kubernetes.io/docs/reference/access-authn-authz/authentication/#client-go-credential-plugins)). " +
			"It is never asked on a terminal, may take 25 seconds, and is run again when what it gave has expired or is refused by the hub.",
		Attributes: map[string]schema.Attribute{
			"api_version": schema.StringAttribute{
				Required:            true,
				MarkdownDescription: "Version of `ExecCredential` that the program prints: `client.authentication.k8s.io/v1` or `client.authentication.k8s.io/v1beta1`.",
			},
			"command": schema.StringAttribute{
				Required:            true,
				MarkdownDescription: "The program. Without a slash it is looked up in `PATH`.",
			},
			"args": schema.ListAttribute{
				Optional:            true,
				Validators:          []validator.List{listvalidator.NoNullValues()},
				ElementType:         types.StringType,
				MarkdownDescription: "Arguments of the program.",
			},
			"env": schema.MapAttribute{
				Optional:            true,
				Sensitive:           true,
				Validators:          []validator.Map{mapvalidator.NoNullValues()},
				ElementType:         types.StringType,
				MarkdownDescription: "Variables of the program, beside those of Terraform.",
			},
			"provide_cluster_info": schema.BoolAttribute{
				Optional:            true,
				MarkdownDescription: "Tell the program address and certificate authority of the hub, in `KUBERNETES_EXEC_INFO`. Default: `false`.",
			},
		},
	}
}

// impersonateAttribute is whom to act as.
func impersonateAttribute() schema.Attribute {
	return schema.SingleNestedAttribute{
		Optional: true,
		MarkdownDescription: "Whom to act as. The credential needs the right to impersonate them; then the hub allows what they may do, " +
			"and its audit log names both.",
		Attributes: map[string]schema.Attribute{
			"user": schema.StringAttribute{
				Required:            true,
				MarkdownDescription: "Name of the user, such as `team:shop` or `system:serviceaccount:shop:terraform`.",
			},
			"groups": schema.ListAttribute{
				Optional:            true,
				Validators:          []validator.List{listvalidator.NoNullValues()},
				ElementType:         types.StringType,
				MarkdownDescription: "Groups of the user.",
			},
			"uid": schema.StringAttribute{
				Optional:            true,
				MarkdownDescription: "Identifier of the user.",
			},
			"extra": schema.MapAttribute{
				Optional:            true,
				Validators:          []validator.Map{mapvalidator.NoNullValues(), mapvalidator.ValueListsAre(listvalidator.NoNullValues())},
				ElementType:         types.ListType{ElemType: types.StringType},
				MarkdownDescription: "Further attributes of the user, such as `{ \"example.com/reason\" = [\"deploy\"] }`.",
			},
		},
	}
}

// hubModel is the attribute hub when it is known.
type hubModel struct {
	ConfigPath            types.String      `tfsdk:"config_path"`
	ConfigPaths           []string          `tfsdk:"config_paths"`
	ConfigContext         types.String      `tfsdk:"config_context"`
	ConfigContextCluster  types.String      `tfsdk:"config_context_cluster"`
	ConfigContextAuthInfo types.String      `tfsdk:"config_context_auth_info"`
	Kubeconfig            types.String      `tfsdk:"kubeconfig"`
	Host                  types.String      `tfsdk:"host"`
	ClusterCACertificate  types.String      `tfsdk:"cluster_ca_certificate"`
	TLSServerName         types.String      `tfsdk:"tls_server_name"`
	Insecure              types.Bool        `tfsdk:"insecure"`
	Token                 types.String      `tfsdk:"token"`
	TokenPath             types.String      `tfsdk:"token_path"`
	ClientCertificate     types.String      `tfsdk:"client_certificate"`
	ClientKey             types.String      `tfsdk:"client_key"`
	InCluster             types.Bool        `tfsdk:"in_cluster"`
	ProxyURL              types.String      `tfsdk:"proxy_url"`
	Exec                  *execModel        `tfsdk:"exec"`
	Impersonate           *impersonateModel `tfsdk:"impersonate"`
}

// execModel is the attribute exec.
type execModel struct {
	APIVersion         types.String      `tfsdk:"api_version"`
	Command            types.String      `tfsdk:"command"`
	Args               []string          `tfsdk:"args"`
	Env                map[string]string `tfsdk:"env"`
	ProvideClusterInfo types.Bool        `tfsdk:"provide_cluster_info"`
}

// impersonateModel is the attribute impersonate.
type impersonateModel struct {
	User   types.String        `tfsdk:"user"`
	Groups []string            `tfsdk:"groups"`
	UID    types.String        `tfsdk:"uid"`
	Extra  map[string][]string `tfsdk:"extra"`
}

// readHub returns the settings of the attribute hub, and whether all of them are known.
func readHub(ctx context.Context, object types.Object) (hub.Settings, bool, diag.Diagnostics) {
	if object.IsNull() {
		return hub.Settings{}, true, nil
	}
	value, err := object.ToTerraformValue(ctx)
	if err != nil {
		return hub.Settings{}, false, diag.Diagnostics{diag.NewErrorDiagnostic("Hub configuration not readable", err.Error())}
	}
	if !value.IsFullyKnown() {
		return hub.Settings{}, false, nil
	}
	diags := emptyFields(object)
	var model hubModel
	diags.Append(object.As(ctx, &model, basetypes.ObjectAsOptions{})...)
	return model.settings(), true, diags
}

// emptyFields refuses empty text and lists: a variable that turned out empty must not
// silently lead to another hub.
func emptyFields(object types.Object) diag.Diagnostics {
	var diags diag.Diagnostics
	for _, name := range slices.Sorted(maps.Keys(object.Attributes())) {
		if !isEmpty(object.Attributes()[name]) {
			continue
		}
		diags.AddAttributeError(path.Root("hub").AtName(name), "Empty hub configuration",
			fmt.Sprintf("hub.%s is empty. Give it a value, or null to leave it out.", name))
	}
	return diags
}

// isEmpty says that a text or a list is given and has nothing in it.
func isEmpty(v attr.Value) bool {
	switch v := v.(type) {
	case types.String:
		return !v.IsNull() && v.ValueString() == ""
	case types.List:
		return !v.IsNull() && len(v.Elements()) == 0
	}
	return false
}

// settings converts the model.
func (m hubModel) settings() hub.Settings {
	return hub.Settings{
		ConfigPath:            m.ConfigPath.ValueString(),
		ConfigPaths:           m.ConfigPaths,
		ConfigContext:         m.ConfigContext.ValueString(),
		ConfigContextCluster:  m.ConfigContextCluster.ValueString(),
		ConfigContextAuthInfo: m.ConfigContextAuthInfo.ValueString(),
		Kubeconfig:            hub.Secret(m.Kubeconfig.ValueString()),
		Host:                  m.Host.ValueString(),
		ClusterCACertificate:  m.ClusterCACertificate.ValueString(),
		TLSServerName:         m.TLSServerName.ValueString(),
		Insecure:              boolText(m.Insecure),
		Token:                 hub.Secret(m.Token.ValueString()),
		TokenPath:             m.TokenPath.ValueString(),
		ClientCertificate:     m.ClientCertificate.ValueString(),
		ClientKey:             hub.Secret(m.ClientKey.ValueString()),
		InCluster:             boolText(m.InCluster),
		ProxyURL:              hub.Secret(m.ProxyURL.ValueString()),
		Exec:                  m.Exec.settings(),
		Impersonate:           m.Impersonate.settings(),
	}
}

// boolText writes a bool, empty for none.
func boolText(b types.Bool) string {
	if b.IsNull() {
		return ""
	}
	return strconv.FormatBool(b.ValueBool())
}

// settings converts the model, which may be nil.
func (m *execModel) settings() *hub.Exec {
	if m == nil {
		return nil
	}
	env := make(map[string]hub.Secret, len(m.Env))
	for name, value := range m.Env {
		env[name] = hub.Secret(value)
	}
	return &hub.Exec{
		APIVersion:         m.APIVersion.ValueString(),
		Command:            m.Command.ValueString(),
		Args:               m.Args,
		Env:                env,
		ProvideClusterInfo: m.ProvideClusterInfo.ValueBool(),
	}
}

// settings converts the model, which may be nil.
func (m *impersonateModel) settings() *hub.Impersonate {
	if m == nil {
		return nil
	}
	return &hub.Impersonate{User: m.User.ValueString(), UID: m.UID.ValueString(), Groups: m.Groups, Extra: m.Extra}
}
