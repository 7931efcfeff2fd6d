terraform import fairlead_addon.hub fairlead-system
