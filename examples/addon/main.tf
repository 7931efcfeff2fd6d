# Installs the addon on the hub. The platform team applies this once per hub.

terraform {
  required_version = ">= 1.7"

  required_providers {
    fairlead = {
      source = "fairlead-io/fairlead"
    }
  }
}

provider "fairlead" {
  hub = {
    config_path    = var.kubeconfig
    config_context = var.kubeconfig_context
  }
}

resource "fairlead_addon" "hub" {
  replicas = var.replicas
  image    = var.image

  timeouts = {
    create = "5m"
    update = "5m"
    delete = "5m"
  }
}
