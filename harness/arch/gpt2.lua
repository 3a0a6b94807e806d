-- GPT-2 and GPT-BigCode (StarCoder 1): learned positions, layer norms before each part, q, k and v in one tensor.
-- GPT-1 norms what comes out of each part.
-- GPT-2 keeps weights as [in, out]; GPT-BigCode as [out, in], with one key head for all queries, or heads in turn.
local hub = include "hub"

local function qkv(t, c, layer)
  local width, heads = c.n_embd, c.n_head
  local dim, bigcode = width // heads, c.model_type == "gpt_bigcode"
  local from = { q = 0, k = width, v = 2 * width }
  local multi = bigcode and c.multi_query ~= false
  if multi then from.v = width + dim end
  for role, at in pairs(from) do
    local part = { from = at, part = true, transposed = not bigcode or nil }
    if bigcode and not multi then part = { from = at // heads, run = dim, every = 3 * dim } end
    t[role] = hub.with(part, { name = layer .. "attn.c_attn.weight" })
    part.transposed = nil
    t[role .. "_bias"] = hub.with(part, { name = layer .. "attn.c_attn.bias" })
  end
  return multi and 1 or nil
end

return {
  name = "gpt2",
  types = { "gpt2", "gpt_bigcode", "openai-gpt" },
  config = function(c)
    if c.add_cross_attention then return { unsupported = "cross-attention in GPT-2" } end
    local first = c.model_type == "openai-gpt"
    local transposed, layer = c.model_type ~= "gpt_bigcode" or nil, "h.%d."
    local t = {
      embed = "wte.weight", position = "wpe.weight", final_norm = "ln_f.weight", final_norm_bias = "ln_f.bias",
      head = "lm_head.weight", class_out = "score.weight",
    }
    if first then t.embed, t.position, t.final_norm, t.final_norm_bias = "tokens_embed.weight", "positions_embed.weight", nil, nil end
    hub.layer(t, layer, { attn_norm = "ln_1", mlp_norm = "ln_2", o = "attn.c_proj", up = "mlp.c_fc", down = "mlp.c_proj" }, true)
    for _, role in ipairs { "o", "up", "down" } do t[role] = { name = t[role], transposed = transposed } end
    local whole = type(c.n_embd) == "number" and type(c.n_head) == "number" and c.n_head > 0
    local kv = whole and qkv(t, c, layer) or nil
    return {
      layers = c.n_layer, width = c.n_embd, heads = c.n_head, kv_heads = kv,
      ffn = c.n_inner or (whole and 4 * c.n_embd or nil), vocab = c.vocab_size, max_length = c.n_positions,
      causal = true, activation = c.activation_function or c.afn ~= "gelu" and c.afn or "gelu_new",
      norm = { kind = "layer", eps = c.layer_norm_epsilon or 1e-5, after = first, called = { eps = "layer_norm_epsilon" } },
      position = { kind = "learned", count = c.n_positions, called = { count = "n_positions" } },
      attention_scale = c.scale_attn_weights == false and 1 or nil,
      scale_by_layer = c.scale_attn_by_inverse_layer_idx,
      tied = hub.first(c.tie_word_embeddings, true), eos = c.eos_token_id, bos = c.bos_token_id,
      classifier = hub.classifier(c, "last"),
      prefixes = { "transformer.", "" }, tensors = t, ignore = { ".attn.bias", ".attn.masked_bias" },
      called = { layers = "n_layer", width = "n_embd", heads = "n_head", ffn = "n_inner", vocab = "vocab_size",
        max_length = "n_positions", activation = "activation_function" },
    }
  end,
}
