terraform {
  # For secrets: ephemeral variables and write-only attributes.
  required_version = ">= 1.11"

  required_providers {
    fairlead = {
      source = "fairlead-io/fairlead"
    }
  }
}
