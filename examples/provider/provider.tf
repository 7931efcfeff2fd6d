terraform {
  required_providers {
    fairlead = {
      source = "fairlead-io/fairlead"
    }
  }
}

variable "kubeconfig" {
  description = "Path of the hub's kubeconfig."
  type        = string
  default     = "~/.kube/config"
}

provider "fairlead" {
  hub = {
    config_path = var.kubeconfig
  }

  default_namespace = "shop"
}
