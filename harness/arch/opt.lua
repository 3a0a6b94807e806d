-- OPT: learned positions that begin at 2, ReLU, layer norms before each part; the 350m model has them after, and
-- embeddings that are narrower than the rest.
local hub = include "hub"

return {
  name = "opt",
  types = { "opt" },
  config = function(c)
    local before, bias = c.do_layer_norm_before ~= false, hub.first(c.enable_bias, true)
    local narrow = c.word_embed_proj_dim ~= c.hidden_size and c.word_embed_proj_dim or nil
    local t = { embed = "embed_tokens.weight", position = "embed_positions.weight", head = "lm_head.weight", class_out = "score.weight" }
    hub.layer(t, "layers.%d.", {
      q = "self_attn.q_proj", k = "self_attn.k_proj", v = "self_attn.v_proj", o = "self_attn.out_proj",
      attn_norm = "self_attn_layer_norm", up = "fc1", down = "fc2", mlp_norm = "final_layer_norm",
    }, { q = bias, k = bias, v = bias, o = bias, up = bias, down = bias, attn_norm = true, mlp_norm = true })
    local bare = c.layer_norm_elementwise_affine == false
    if bare then
      for _, role in ipairs { "attn_norm", "attn_norm_bias", "mlp_norm", "mlp_norm_bias" } do t[role] = nil end
    end
    if before and not bare and not c._remove_final_layer_norm then
      t.final_norm, t.final_norm_bias = "final_layer_norm.weight", "final_layer_norm.bias"
    end
    if narrow then t.embed_project, t.head_project = "project_in.weight", "project_out.weight" end
    return hub.spec(c, {
      ffn = c.ffn_dim, embed_width = narrow, projected_first = true,
      causal = true, activation = c.activation_function or "relu",
      norm = { kind = "layer", eps = 1e-5, after = not before, bare = bare },
      position = {
        kind = "learned", count = c.max_position_embeddings and c.max_position_embeddings + 2, offset = 2,
        called = { count = "max_position_embeddings" },
      },
      tied = hub.first(c.tie_word_embeddings, true),
      classifier = hub.classifier(c, "last"),
      prefixes = { "model.decoder.", "decoder.", "" }, tensors = t,
      called = hub.called { ffn = "ffn_dim", activation = "activation_function" },
    })
  end,
}
