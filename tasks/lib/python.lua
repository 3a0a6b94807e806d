-- A Python literal as a Lua value: data sets keep lists and records as the text that Python's repr made of them.
-- Strings with their escapes, numbers, True, False, None (nil), lists, tuples and dicts; nothing is evaluated.

local escapes = { n = "\n", t = "\t", r = "\r", a = "\a", b = "\b", f = "\f", v = "\v", ["\\"] = "\\", ["'"] = "'",
  ['"'] = '"', ["\n"] = "" }
local digits = { x = 2, u = 4, U = 8 }
local words = { True = true, False = false }

local function read(text)
  local at, value = 1, nil

  local function fail(what)
    error(format("not a Python literal: %s at byte %d", what, at), 0)
  end

  local function blank()
    while at <= #text and (" \t\r\n\f"):find(text:sub(at, at), 1, true) do at = at + 1 end
  end

  -- What stands at `at` begins with this mark.
  local function take(mark)
    blank()
    if text:sub(at, at + #mark - 1) ~= mark then return false end
    at = at + #mark
    return true
  end

  -- After a backslash: the text that is meant.
  local function escaped()
    local c = text:sub(at, at)
    at = at + 1
    if escapes[c] then return escapes[c] end
    if digits[c] then
      local code = tonumber(text:sub(at, at + digits[c] - 1), 16) or fail("a bad escape")
      at = at + digits[c]
      return utf8.char(code)
    end
    local octal = c:find("[0-7]") and text:sub(at - 1, at + 1):match("^[0-7]+")
    if not octal then return "\\" .. c end
    at = at - 1 + #octal
    return utf8.char(tonumber(octal, 8))
  end

  local function quoted(mark)
    local parts = {}
    while true do
      local c = text:sub(at, at)
      if c == "" then fail("an unclosed string") end
      at = at + 1
      if c == mark then break end
      parts[#parts + 1] = c == "\\" and escaped() or c
    end
    return join(parts)
  end

  -- Strings that stand side by side are one.
  local function string_of()
    local out
    while true do
      blank()
      local mark = text:sub(at, at)
      if mark ~= "'" and mark ~= '"' then return out end
      at = at + 1
      out = (out or "") .. quoted(mark)
    end
  end

  local function items(close)
    local out, n = {}, 0
    while not take(close) do
      if n > 0 and not take(",") then fail("a comma is missing") end
      if n > 0 and take(close) then break end
      n = n + 1
      out[n] = value()
    end
    return out
  end

  local function record()
    local out, first = {}, true
    while not take("}") do
      if not first and not take(",") then fail("a comma is missing") end
      if not first and take("}") then break end
      first = false
      local key = value()
      if key == nil or not take(":") then fail("a key is missing") end
      out[key] = value()
    end
    return out
  end

  function value()
    if take("[") then return items("]") end
    if take("(") then return items(")") end
    if take("{") then return record() end
    local s = string_of()
    if s then return s end
    local word = text:sub(at, at + 63):match("^[%w_.+-]+") or fail("nothing known")
    at = at + #word
    if word == "None" then return nil end
    if words[word] ~= nil then return words[word] end
    return tonumber(word) or fail("'" .. word .. "'")
  end

  local out = value()
  blank()
  if at <= #text then fail("more text") end
  return out
end

return read
