-- The policy where none is named: for people who evaluate models for themselves. What can be run is run; only an exact
-- copy of what has results under another name is not run twice.

return function(model)
  if model.duplicate_of then
    return refuse("duplicate", "its files are those of " .. model.duplicate_of .. ", which has results")
  end
  return accept()
end
