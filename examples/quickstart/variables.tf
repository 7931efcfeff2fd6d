variable "kubeconfig" {
  description = "Path of the hub's kubeconfig."
  type        = string
}

variable "kubeconfig_context" {
  description = "Context in that kubeconfig; its current one when null."
  type        = string
  default     = null
}

variable "clusters" {
  description = "Managed clusters of the environment prod. null: all that OCM's placement finds in `cluster_set`. []: none, prod is the hub itself."
  type        = list(string)
  default     = null
}

variable "cluster_set" {
  description = "OCM cluster set to place prod on, when `clusters` is null. `global` holds every cluster."
  type        = string
  default     = "global"
}

variable "namespace" {
  description = "Namespace of the application on the hub; it is created if need be."
  type        = string
  default     = "shop"
}

variable "image" {
  description = "Image of the web component."
  type        = string
  default     = "ghcr.io/stefanprodan/podinfo:6.9.0"
}

variable "replicas" {
  description = "Pods of the web component in each environment and cluster."
  type        = number
  default     = 2
}
