# Which clusters the placement of a binding chose. Where the binding is made in the same configuration, refer to it: then
# the clusters are read once it exists.
data "fairlead_placement_decision" "live_eu" {
  binding = "live-eu"
}

output "clusters" {
  value = data.fairlead_placement_decision.live_eu.clusters[*].name
}

# What the clusters lack that were not chosen.
output "why" {
  value = data.fairlead_placement_decision.live_eu.placement_conditions[*].message
}
