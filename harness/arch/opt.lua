-- OPT: learned positions that begin at 2, ReLU, layer norms before each part; the 350m model has them after, and
-- embeddings that are narrower than the rest. BioGPT and XGLM scale embeddings, and XGLM's positions are waves.
local hub = include "hub"

local function tensors(c, own)
  local bias = hub.first(c.enable_bias, true)
  local t = { embed = "embed_tokens.weight", position = "embed_positions.weight", head = { "lm_head.weight", "output_projection.weight" }, class_out = "score.weight" }
  hub.layer(t, "layers.%d.", {
    q = "self_attn.q_proj", k = "self_attn.k_proj", v = "self_attn.v_proj", o = "self_attn.out_proj",
    attn_norm = "self_attn_layer_norm", up = "fc1", down = "fc2", mlp_norm = "final_layer_norm",
  }, { q = bias, k = bias, v = bias, o = bias, up = bias, down = bias, attn_norm = true, mlp_norm = true })
  local norm = own.final_norm or own.before and not own.bare and not c._remove_final_layer_norm and "final_layer_norm"
  if norm then t.final_norm, t.final_norm_bias = norm .. ".weight", norm .. ".bias" end
  if own.bare then
    for _, role in ipairs { "attn_norm", "attn_norm_bias", "mlp_norm", "mlp_norm_bias" } do t[role] = nil end
  end
  if own.narrow then t.embed_project, t.head_project = "project_in.weight", "project_out.weight" end
  return t
end

local of = {}

function of.opt(c)
  return {
    before = c.do_layer_norm_before ~= false, bare = c.layer_norm_elementwise_affine == false, activation = "relu",
    narrow = c.word_embed_proj_dim ~= c.hidden_size and c.word_embed_proj_dim or nil, eps = 1e-5,
  }
end

function of.biogpt(c)
  return { before = true, final_norm = "layer_norm", activation = c.hidden_act or "gelu", eps = c.layer_norm_eps or 1e-12,
    scaled = hub.first(c.scale_embedding, true) }
end

function of.xglm(c)
  local half = (c.d_model or 0) // 2
  return { before = true, final_norm = "layer_norm", activation = "gelu", eps = 1e-5, scaled = c.scale_embedding,
    waves = math.max(half - 1, 1),
    words = { num_hidden_layers = c.num_layers, hidden_size = c.d_model, num_attention_heads = c.attention_heads } }
end

return {
  name = "opt",
  types = { "opt", "biogpt", "xglm" },
  config = function(c)
    local own = of[c.model_type](c)
    c = hub.with(c, own.words)
    return hub.spec(c, {
      ffn = c.ffn_dim or c.intermediate_size, embed_width = own.narrow, projected_first = true,
      causal = true, activation = c.activation_function or own.activation,
      embedding_scale = own.scaled and c.hidden_size and c.hidden_size ^ 0.5 or nil,
      norm = { kind = "layer", eps = own.eps, after = not own.before, bare = own.bare or false },
      position = {
        kind = own.waves and "waves" or "learned", steps = own.waves,
        count = c.max_position_embeddings and c.max_position_embeddings + 2, offset = 2,
        called = { count = "max_position_embeddings" },
      },
      tied = hub.first(c.tie_word_embeddings, true),
      classifier = hub.classifier(c, "last"),
      prefixes = { "model.decoder.", "decoder.", "biogpt.", "model.", "" }, tensors = tensors(c, own),
      ignore = { "embed_positions.weights" },
      called = hub.called { ffn = "ffn_dim", activation = "activation_function" },
    })
  end,
}
