variable "addon" {
  description = "Installs the addon on the hub, with the arguments of fairlead_addon; `{}` takes the defaults. null: it is installed elsewhere."
  type = object({
    image    = optional(string)
    replicas = optional(number, 1)
    values   = optional(any)
  })
  default = null
}

variable "managed_clusters" {
  description = "Clusters that are accepted into the fleet, by name, with the arguments of fairlead_managed_cluster. Their agents join by themselves."
  type = map(object({
    cluster_set = optional(string)
    labels      = optional(map(string))
    taints      = optional(list(object({ key = string, value = optional(string), effect = string })))
  }))
  default  = {}
  nullable = false

  validation {
    condition     = !contains(keys(var.managed_clusters), "local")
    error_message = "managed_clusters: local is the hub itself and is not managed. Name it in clusters of a binding."
  }
}

# `any`, since `defaults` and `objects` have another type in each environment.
variable "environments" {
  description = <<-TEXT
    Environments by name: objects with the arguments of fairlead_environment, of which application_namespaces is needed. The others are
    target_namespace, namespace_options, defaults, constraints, permissions and deletion.
  TEXT
  type        = any
  default     = {}
  nullable    = false

  validation {
    condition     = can([for environment in values(var.environments) : keys(environment)])
    error_message = "environments must be an object from the name of an environment to its arguments, such as { dev = { application_namespaces = { names = [\"shop\"] } } }."
  }

  validation {
    condition     = try(alltrue([for environment in values(var.environments) : contains(keys(environment), "application_namespaces")]), true)
    error_message = "environments: each needs application_namespaces, such as { names = [\"shop\"] }: without it no namespace may deliver there."
  }

  validation {
    condition = try(length(setsubtract(flatten([for environment in values(var.environments) : keys(environment)]), [
      "application_namespaces", "target_namespace", "namespace_options", "defaults", "constraints", "permissions", "deletion",
    ])) == 0, true)
    error_message = "environments: an argument has a name that is not known. Known are application_namespaces, target_namespace, namespace_options, defaults, constraints, permissions and deletion."
  }
}

# `any`, since `overrides` has another type in each binding.
variable "bindings" {
  description = <<-TEXT
    Which clusters an environment has, by name of the binding: objects with environment, and clusters or placement; overrides and rollout if need
    be, as in fairlead_cluster_binding.
  TEXT
  type        = any
  default     = {}
  nullable    = false

  validation {
    condition     = try(alltrue([for binding in values(var.bindings) : contains(keys(var.environments), binding.environment)]), false)
    error_message = "bindings: each needs environment, and it must be the name of one in environments."
  }

  validation {
    condition = try(length(setsubtract(flatten([for binding in values(var.bindings) : keys(binding)]), [
      "environment", "clusters", "placement", "overrides", "rollout",
    ])) == 0, true)
    error_message = "bindings: an argument has a name that is not known. Known are environment, clusters, placement, overrides and rollout."
  }
}
