-- GPT-J and CodeGen: attention beside feed-forward from one normed row, rotation of the first numbers of each head in
-- interleaved pairs, a head with a bias. CodeGen has q, v and k in one tensor, cut into four blocks.
local hub = include "hub"

local function codegen(t, c)
  local part = c.n_embd // 4
  for role, at in pairs { q = 0, v = 1, k = 2 } do
    t[role] = { name = "h.%d.attn.qkv_proj.weight", from = at * part, run = part, every = 3 * part }
  end
end

return {
  name = "gptj",
  types = { "gptj", "codegen" },
  config = function(c)
    local t = {
      embed = "wte.weight", final_norm = "ln_f.weight", final_norm_bias = "ln_f.bias",
      head = "lm_head.weight", head_bias = "lm_head.bias", class_out = "score.weight",
    }
    hub.layer(t, "h.%d.", { attn_norm = "ln_1", up = "mlp.fc_in", down = "mlp.fc_out" }, true)
    hub.layer(t, "h.%d.", { q = "attn.q_proj", k = "attn.k_proj", v = "attn.v_proj", o = "attn.out_proj" })
    if c.model_type == "codegen" and c.n_embd then codegen(t, c) end
    return {
      layers = c.n_layer, width = c.n_embd, heads = c.n_head, ffn = c.n_inner or (c.n_embd and 4 * c.n_embd),
      vocab = c.vocab_size, max_length = c.n_positions,
      causal = true, parallel = true, activation = c.activation_function or "gelu_new",
      norm = { kind = "layer", eps = c.layer_norm_epsilon or 1e-5, called = { eps = "layer_norm_epsilon" } },
      position = { kind = "rotary", dim = c.rotary_dim or 64, interleaved = true, scaling = "default" },
      tied = c.tie_word_embeddings, eos = c.eos_token_id, bos = c.bos_token_id,
      classifier = hub.classifier(c, "last"),
      prefixes = { "transformer.", "" }, tensors = t,
      ignore = { ".attn.bias", ".attn.masked_bias", ".attn.causal_mask", ".attn.embed_positions" },
      called = { layers = "n_layer", width = "n_embd", heads = "n_head", ffn = "n_inner", vocab = "vocab_size",
        max_length = "n_positions", activation = "activation_function" },
    }
  end,
}
