#!/usr/bin/env bash
# Runs a command with the settings by which acceptance tests find the engine: `first` is the terraform on the PATH, or OpenTofu
# without one of version 1.11 or newer; `second` is OpenTofu, and nothing is run when that is the first one already.
#
#   tools/with-engine.sh first|second COMMAND [ARGUMENT...]
set -euo pipefail

which=$1
shift
unset TF_CLI_CONFIG_FILE

# recent says whether a terraform has the version that acctest/demo/terraform names Oldest, or a newer one.
recent() {
  local major minor
  IFS=. read -r major minor _ < <("$1" version | sed -n '1s/^Terraform v//p')
  ((${major:-0} > 1 || (${major:-0} == 1 && ${minor:-0} >= 11)))
}

terraform=$(command -v terraform || true)
if [[ -n $terraform ]] && ! recent "$terraform"; then
  echo "$terraform is older than 1.11: OpenTofu takes its place"
  terraform=
fi
if [[ $which == second && -z $terraform ]]; then
  echo "no terraform of 1.11 or newer on the PATH: OpenTofu was the first engine, there is no second one"
  exit 0
fi

export TF_ACC=1
if [[ $which == first && -n $terraform ]]; then
  export TF_ACC_TERRAFORM_PATH=$terraform
else
  tofu=$(bin/clusters build opentofu | awk '{ print $3 }')/bin/tofu
  export TF_ACC_TERRAFORM_PATH=$tofu TF_ACC_PROVIDER_NAMESPACE=hashicorp TF_ACC_PROVIDER_HOST=registry.opentofu.org
fi

# Where controller-runtime's envtest looks for the control plane.
TEST_ASSET_ETCD=$(bin/clusters build etcd | awk '{ print $3 }')/bin/etcd
TEST_ASSET_KUBE_APISERVER=$(bin/clusters build kubernetes | awk '{ print $3 }')/bin/kube-apiserver
export TEST_ASSET_ETCD TEST_ASSET_KUBE_APISERVER

echo "engine: $("$TF_ACC_TERRAFORM_PATH" version | head -n 1)"
exec "$@"
