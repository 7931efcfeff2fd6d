// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package provider

import (
	"context"
	"fmt"
	"time"

	"github.com/hashicorp/terraform-plugin-framework-validators/stringvalidator"
	"github.com/hashicorp/terraform-plugin-framework/ephemeral"
	"github.com/hashicorp/terraform-plugin-framework/ephemeral/schema"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	fwtypes "github.com/hashicorp/terraform-plugin-framework/types"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/client-go/tools/clientcmd/api"

	"github.com/fairlead-io/terraform-provider-fairlead/provider/internal/fleet"
	"github.com/fairlead-io/terraform-provider-fairlead/provider/internal/hub"
)

var (
	_ ephemeral.EphemeralResource              = (*clusterJoinEphemeralResource)(nil)
	_ ephemeral.EphemeralResourceWithConfigure = (*clusterJoinEphemeralResource)(nil)
)

// defaultJoinTime is how long a token to join is valid.
const defaultJoinTime = time.Hour

// clusterJoinEphemeralResource is fairlead_cluster_join.
type clusterJoinEphemeralResource struct {
	hub *Hub
}

// NewClusterJoinEphemeralResource returns the ephemeral resource fairlead_cluster_join.
func NewClusterJoinEphemeralResource() ephemeral.EphemeralResource {
	return &clusterJoinEphemeralResource{}
}

// Metadata names the ephemeral resource.
func (r *clusterJoinEphemeralResource) Metadata(_ context.Context, req ephemeral.MetadataRequest, resp *ephemeral.MetadataResponse) {
	resp.TypeName = req.ProviderTypeName + "_cluster_join"
}

// Configure takes the Hub over.
func (r *clusterJoinEphemeralResource) Configure(_ context.Context, req ephemeral.ConfigureRequest, resp *ephemeral.ConfigureResponse) {
	r.hub = hubOf(req.ProviderData, &resp.Diagnostics)
}

// clusterJoinModel is fairlead_cluster_join.
type clusterJoinModel struct {
	Namespace            fwtypes.String `tfsdk:"namespace"`
	ServiceAccount       fwtypes.String `tfsdk:"service_account"`
	ValidFor             fwtypes.String `tfsdk:"valid_for"`
	Host                 fwtypes.String `tfsdk:"host"`
	ClusterCACertificate fwtypes.String `tfsdk:"cluster_ca_certificate"`
	Token                fwtypes.String `tfsdk:"token"`
	Kubeconfig           fwtypes.String `tfsdk:"kubeconfig"`
	ExpiresAt            fwtypes.String `tfsdk:"expires_at"`
}

// Schema describes the ephemeral resource.
func (r *clusterJoinEphemeralResource) Schema(_ context.Context, _ ephemeral.SchemaRequest, resp *ephemeral.SchemaResponse) {
	resp.Schema = schema.Schema{
		MarkdownDescription: "A credential with which agents ask to join the fleet. It is made anew in each run, lives for an hour and stands neither in the plan nor in the state: " +
			"give it to write-only attributes, to the configuration of other providers, or to the command that installs the agent.\n\n" +
			"It is a token of the service account that the hub keeps for this, which may announce a cluster and ask for a certificate, and nothing else. " +
			"Who accepts the cluster is `fairlead_managed_cluster`. The agent's first request for a certificate must be approved on the hub: " +
			"by Open Cluster Management itself where it is configured to trust this account (`registrationConfiguration.autoApproveUsers` of the ClusterManager), else by `clusteradm accept`.\n\n" +
			"The guide \"Clusters of the fleet\" lists the rights that it needs on the hub: no role of the addon has them.",
		Attributes: map[string]schema.Attribute{
			"namespace": schema.StringAttribute{
				Optional: true, Computed: true, Validators: nameValidators(),
				MarkdownDescription: "Namespace of the service account. Default: `open-cluster-management`.",
			},
			"service_account": schema.StringAttribute{
				Optional: true, Computed: true, Validators: []validator.String{stringvalidator.LengthBetween(1, 253)},
				MarkdownDescription: "The service account that agents join with. Default: `agent-registration-bootstrap`, as `clusteradm init` makes it.",
			},
			"valid_for": schema.StringAttribute{
				Optional: true, Computed: true,
				Validators: append(durationValidators(), checked{
					description: "from 10m to 24h",
					check: func(text string) error {
						if parsed, err := time.ParseDuration(text); err == nil && (parsed < 10*time.Minute || parsed > 24*time.Hour) {
							return fmt.Errorf("%q is too short or too long for a credential to join", text)
						}
						return nil
					},
				}),
				MarkdownDescription: "How long the token is valid, from `10m` to `24h`. Default: `1h`.",
			},
			"host": schema.StringAttribute{
				Optional: true, Computed: true, Validators: []validator.String{stringvalidator.LengthBetween(1, 2048)},
				MarkdownDescription: "Address of the hub as the cluster reaches it. Default: the address that the provider uses.",
			},
			"cluster_ca_certificate": schema.StringAttribute{
				Optional: true, Computed: true,
				MarkdownDescription: "Certificate authority of that address as PEM. Default: the one that the provider trusts.",
			},
			"token":      schema.StringAttribute{Computed: true, Sensitive: true, MarkdownDescription: "The token."},
			"kubeconfig": schema.StringAttribute{Computed: true, Sensitive: true, MarkdownDescription: "A kubeconfig with address and token, as `bootstrap-hub-kubeconfig` of the agent takes it."},
			"expires_at": schema.StringAttribute{Computed: true, MarkdownDescription: "When the token expires, in RFC 3339."},
		},
	}
}

// Open makes the token.
func (r *clusterJoinEphemeralResource) Open(ctx context.Context, req ephemeral.OpenRequest, resp *ephemeral.OpenResponse) {
	var model clusterJoinModel
	resp.Diagnostics.Append(req.Config.Get(ctx, &model)...)
	client, diags := r.hub.require(ctx, "make a credential to join the hub")
	resp.Diagnostics.Append(diags...)
	if resp.Diagnostics.HasError() {
		return
	}
	way, err := model.complete(client)
	if err != nil {
		appendError(&resp.Diagnostics, err)
		return
	}
	valid := defaultJoinTime
	if asked := duration(model.ValidFor); asked != nil {
		valid = asked.Duration
	}
	account := types.NamespacedName{Namespace: model.Namespace.ValueString(), Name: model.ServiceAccount.ValueString()}
	token, err := client.Token(ctx, account, valid)
	if err != nil {
		appendError(&resp.Diagnostics, err)
		return
	}
	if err := model.take(token, way); err != nil {
		appendError(&resp.Diagnostics, err)
		return
	}
	resp.Diagnostics.Append(resp.Result.Set(ctx, &model)...)
}

// complete fills in what is left out, and returns how the cluster is to reach the
// hub. At the address of the provider that is as the provider does.
func (m *clusterJoinModel) complete(client *hub.Client) (*api.Cluster, error) {
	trusted := client.Trust()
	authority, err := trusted.Authority()
	if err != nil {
		return nil, err
	}
	way := &api.Cluster{}
	if m.Host.IsNull() {
		way.TLSServerName = trusted.ServerName
		way.InsecureSkipTLSVerify = trusted.Insecure && m.ClusterCACertificate.IsNull()
	}
	for _, fallback := range []struct {
		value *fwtypes.String
		text  string
	}{
		{&m.Namespace, fleet.BootstrapNamespace},
		{&m.ServiceAccount, fleet.BootstrapAccount},
		{&m.ValidFor, shortDuration(defaultJoinTime)},
		{&m.Host, client.Host()},
		{&m.ClusterCACertificate, authority},
	} {
		if fallback.value.IsNull() {
			*fallback.value = fwtypes.StringValue(fallback.text)
		}
	}
	way.Server = m.Host.ValueString()
	way.CertificateAuthorityData = []byte(m.ClusterCACertificate.ValueString())
	return way, nil
}

// take puts the token into the model, and into a kubeconfig.
func (m *clusterJoinModel) take(token hub.Token, way *api.Cluster) error {
	const name = "hub"
	config := api.NewConfig()
	config.Clusters[name] = way
	config.AuthInfos[name] = &api.AuthInfo{Token: token.Value}
	config.Contexts[name] = &api.Context{Cluster: name, AuthInfo: name}
	config.CurrentContext = name
	written, err := clientcmd.Write(*config)
	if err != nil {
		return fmt.Errorf("write the kubeconfig: %w", err)
	}
	m.Token = fwtypes.StringValue(token.Value)
	m.Kubeconfig = fwtypes.StringValue(string(written))
	m.ExpiresAt = fwtypes.StringValue(token.Expires.UTC().Format(time.RFC3339))
	return nil
}
