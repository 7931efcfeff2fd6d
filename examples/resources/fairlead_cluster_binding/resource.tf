resource "fairlead_environment" "live" {
  name                   = "live"
  application_namespaces = { names = ["shop"], create = true }
  target_namespace       = { suffix = "-live" }
}

# By placement: two clusters of the set, chosen by OCM among those with the label.
resource "fairlead_cluster_binding" "live_eu" {
  name        = "live-eu"
  environment = fairlead_environment.live.name

  placement = {
    cluster_sets       = ["default"]
    match_labels       = { region = "eu" }
    number_of_clusters = 2
  }
}

# By name: `local` is the hub itself.
resource "fairlead_cluster_binding" "live_hub" {
  name        = "live-hub"
  environment = fairlead_environment.live.name
  clusters    = ["local"]
}
