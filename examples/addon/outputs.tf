output "version" {
  description = "The version of the addon that is installed."
  value       = fairlead_addon.hub.version
}

output "oam_mode" {
  description = "exclusive when this addon owns the OAM kinds of the hub, shared when another controller does."
  value       = fairlead_addon.hub.oam_mode
}
