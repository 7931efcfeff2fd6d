# The clusters of a set that have a label and are not away.
data "fairlead_clusters" "eu" {
  cluster_sets = ["default"]
  match_labels = { region = "eu" }
  available    = true
}

output "kubernetes_versions" {
  value = { for cluster in data.fairlead_clusters.eu.clusters : cluster.name => cluster.kubernetes_version }
}
