variable "kubeconfig" {
  description = "Path of the hub's kubeconfig."
  type        = string
}

variable "kubeconfig_context" {
  description = "Context in that kubeconfig; its current one when null."
  type        = string
  default     = null
}

variable "image" {
  description = "Image of the addon, for a registry of your own; the release's image when null."
  type        = string
  default     = null
}

variable "replicas" {
  description = "How many addon pods run in the hub. 0 installs everything but runs nothing: the manager then runs elsewhere."
  type        = number
  default     = 2

  validation {
    condition     = var.replicas >= 0
    error_message = "The number of replicas must not be negative."
  }
}
