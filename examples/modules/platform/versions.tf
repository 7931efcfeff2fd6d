terraform {
  required_version = ">= 1.9"

  required_providers {
    fairlead = {
      source = "fairlead-io/fairlead"
    }
  }
}
