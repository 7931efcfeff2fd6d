variable "name" {
  description = "Name of the application."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$", var.name))
    error_message = "name may have lower case letters, digits and hyphens, at most 63."
  }
}

variable "namespace" {
  description = "Namespace of the application on the hub. null: the provider's default_namespace."
  type        = string
  default     = null

  validation {
    condition     = var.namespace == null || can(regex("^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$", var.namespace))
    error_message = "namespace may have lower case letters, digits and hyphens, at most 63."
  }
}

# `any`, since what is different has another type in each environment.
variable "environments" {
  description = <<-TEXT
    Where the application goes: a list of names, or an object from the name of an environment to what is different there, with `ref`, `components`
    and `selector` as in fairlead_application. The output `environments` of the module platform has such an object.
  TEXT
  type        = any
  nullable    = false

  validation {
    condition     = try(length(var.environments) > 0, false)
    error_message = "environments must name at least one environment: [\"dev\"], or { dev = {} }."
  }
}

variable "labels" {
  description = "Labels of the application."
  type        = map(string)
  default     = null
}

variable "annotations" {
  description = "Annotations of the application."
  type        = map(string)
  default     = null
}

# `any`, since each component has another type.
variable "components" {
  description = "The components by name, as in fairlead_application. Everything inside is spelled as in OAM."
  type        = any
  nullable    = false

  validation {
    condition     = try(length(keys(var.components)) > 0, false)
    error_message = "components must be an object from the name of a component to what it is, with at least one, such as { web = { type = \"webservice\", properties = { image = \"...\" } } }."
  }

  validation {
    condition     = try(alltrue([for name in keys(var.components) : can(regex("^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$", name))]), true)
    error_message = "components: a name may have lower case letters, digits and hyphens, at most 63."
  }

  validation {
    condition     = try(alltrue([for component in values(var.components) : contains(keys(component), "type")]), true)
    error_message = "components: each needs a type, such as \"webservice\"."
  }
}

# `any`, since each policy has other properties.
variable "policies" {
  description = "Policies of the application: a list of `{ name, type, properties }`, or an object keyed by name."
  type        = any
  default     = null
}

variable "ignore_fields" {
  description = "Fields that are left to others, such as `components.web.properties.image` to a tool that updates images."
  type        = list(string)
  default     = null
}

variable "secrets" {
  description = "Secrets of the application: from the name of a Secret to its keys and values. They are in no plan and no state."
  type        = map(map(string))
  default     = null
  ephemeral   = true
}

variable "environment_secrets" {
  description = "Secrets that one environment has in place of those of `secrets`: from the name of the environment to what `secrets` has."
  type        = map(map(map(string)))
  default     = null
  ephemeral   = true
}

variable "secrets_version" {
  description = "Any text, such as the version of a secret in its store. With it, Secrets are written when it changes, and not otherwise."
  type        = string
  default     = null
}

variable "protection" {
  description = "Refuses to destroy the application, also when the module is removed. Apply `false` first."
  type        = bool
  default     = false
  nullable    = false
}

variable "rollout" {
  description = "Whether an apply waits until the application is healthy, what a failure is (`error` or `warn`), and how long it waits."
  type = object({
    wait       = optional(bool, true)
    on_failure = optional(string, "error")
    timeout    = optional(string, "20m")
  })
  default  = {}
  nullable = false

  validation {
    condition     = contains(["error", "warn"], var.rollout.on_failure)
    error_message = "rollout.on_failure must be error, or warn to go on with the apply."
  }

  validation {
    condition     = can(regex("^([0-9]+(s|m|h))+$", var.rollout.timeout))
    error_message = "rollout.timeout must be a duration, such as 20m or 1h30m."
  }
}
