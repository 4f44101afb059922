-- The health of a NerDeployment (nerd.dev) for Argo CD. docs/gitops.md says how to install it.
--
--   Healthy      a model of this spec is in service, or nothing is left to do
--   Progressing  stages run or wait, or something has been missing for less than the progress deadline
--   Suspended    a person has to act: it is suspended, or waits for approval
--   Degraded     a gate failed, something is missing for longer, or a permanent error
--
-- A Degraded deployment keeps its former model in service: see its condition Available.

local waits_for_a_person = { Suspended = true, AwaitingApproval = true }

local function find(kind)
  for _, condition in ipairs(obj.status.conditions) do
    if condition.type == kind then
      return condition
    end
  end
end

local function health(status, condition)
  return { status = status, message = condition.reason .. ": " .. condition.message }
end

local unobserved = { status = "Progressing", message = "the operator has not reconciled this spec yet" }

if obj.metadata.deletionTimestamp ~= nil then
  return { status = "Progressing", message = "it is being deleted" }
end
if obj.status == nil or obj.status.conditions == nil then
  return unobserved
end
if obj.status.observedGeneration ~= obj.metadata.generation then
  return unobserved
end

local ready, stalled = find("Ready"), find("Stalled")
if ready == nil then
  return unobserved
end
if ready.status == "True" then
  return health("Healthy", ready)
end
if stalled ~= nil and stalled.status == "True" then
  return health("Degraded", stalled)
end
if waits_for_a_person[ready.reason] then
  return health("Suspended", ready)
end
return health("Progressing", ready)
