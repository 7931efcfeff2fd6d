// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package provider

import (
	"context"
	"fmt"
	"maps"
	"strconv"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/provider/schema"
	"github.com/hashicorp/terraform-plugin-framework/types"
	"github.com/hashicorp/terraform-plugin-framework/types/basetypes"

	"github.com/fairlead-io/terraform-provider-fairlead/provider/internal/hub"
)

// hubSchema is the attribute hub of the provider block.
func hubSchema() schema.Attribute {
	attributes := kubeconfigAttributes()
	maps.Copy(attributes, hostAttributes())
	return schema.SingleNestedAttribute{
		Optional: true,
		MarkdownDescription: "The hub and one family of credentials: `config_path` or `config_paths`, or `kubeconfig`, or `host` with one of `token`, " +
			"`token_path`, `client_certificate` and `client_key`. What is left out is read from `FAIRLEAD_*` variables, then from `KUBE_*` variables. " +
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
			ElementType:         types.StringType,
			MarkdownDescription: "Paths of kubeconfig files that are merged; what comes first wins. Also `FAIRLEAD_CONFIG_PATHS`, `KUBE_CONFIG_PATHS`.",
		},
		"config_context": schema.StringAttribute{
			Optional: true,
			MarkdownDescription: "Context in the kubeconfig. Default: the current context of the kubeconfig. " +
				"Also `FAIRLEAD_CONFIG_CONTEXT`, `KUBE_CTX`.",
		},
		"kubeconfig": schema.StringAttribute{
			Optional:            true,
			Sensitive:           true,
			MarkdownDescription: "Content of a kubeconfig file. Also `FAIRLEAD_KUBECONFIG`.",
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

// hubModel is the attribute hub when it is known.
type hubModel struct {
	ConfigPath           types.String `tfsdk:"config_path"`
	ConfigPaths          types.List   `tfsdk:"config_paths"`
	ConfigContext        types.String `tfsdk:"config_context"`
	Kubeconfig           types.String `tfsdk:"kubeconfig"`
	Host                 types.String `tfsdk:"host"`
	ClusterCACertificate types.String `tfsdk:"cluster_ca_certificate"`
	TLSServerName        types.String `tfsdk:"tls_server_name"`
	Insecure             types.Bool   `tfsdk:"insecure"`
	Token                types.String `tfsdk:"token"`
	TokenPath            types.String `tfsdk:"token_path"`
	ClientCertificate    types.String `tfsdk:"client_certificate"`
	ClientKey            types.String `tfsdk:"client_key"`
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
	var model hubModel
	diags := object.As(ctx, &model, basetypes.ObjectAsOptions{})
	diags.Append(emptyFields(object)...)
	var paths []string
	if !diags.HasError() && !model.ConfigPaths.IsNull() {
		diags.Append(model.ConfigPaths.ElementsAs(ctx, &paths, false)...)
	}
	return model.settings(paths), true, diags
}

// emptyFields refuses empty text: a variable that turned out empty must not
// silently lead to another hub.
func emptyFields(object types.Object) diag.Diagnostics {
	var diags diag.Diagnostics
	for name, value := range object.Attributes() {
		text, ok := value.(types.String)
		if !ok || text.IsNull() || text.ValueString() != "" {
			continue
		}
		diags.AddAttributeError(path.Root("hub").AtName(name), "Empty hub configuration",
			fmt.Sprintf("hub.%s is empty. Give it a value, or null to leave it out.", name))
	}
	return diags
}

// settings converts the model; paths are its config_paths.
func (m hubModel) settings(paths []string) hub.Settings {
	settings := hub.Settings{
		ConfigPath:           m.ConfigPath.ValueString(),
		ConfigPaths:          paths,
		ConfigContext:        m.ConfigContext.ValueString(),
		Kubeconfig:           hub.Secret(m.Kubeconfig.ValueString()),
		Host:                 m.Host.ValueString(),
		ClusterCACertificate: m.ClusterCACertificate.ValueString(),
		TLSServerName:        m.TLSServerName.ValueString(),
		Token:                hub.Secret(m.Token.ValueString()),
		TokenPath:            m.TokenPath.ValueString(),
		ClientCertificate:    m.ClientCertificate.ValueString(),
		ClientKey:            hub.Secret(m.ClientKey.ValueString()),
	}
	if !m.Insecure.IsNull() {
		settings.Insecure = strconv.FormatBool(m.Insecure.ValueBool())
	}
	return settings
}
