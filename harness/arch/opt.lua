-- OPT: learned positions that begin at 2, ReLU, layer norms before each part; the 350m model has them after, and
-- embeddings that are narrower than the rest.
local hub = include "hub"

return {
  name = "opt",
  types = { "opt", "biogpt" },
  config = function(c)
    local bio = c.model_type == "biogpt"
    local before, bias = c.do_layer_norm_before ~= false, hub.first(c.enable_bias, true)
    local narrow = not bio and c.word_embed_proj_dim ~= c.hidden_size and c.word_embed_proj_dim or nil
    local t = { embed = "embed_tokens.weight", position = "embed_positions.weight", head = { "lm_head.weight", "output_projection.weight" }, class_out = "score.weight" }
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
    if bio then t.final_norm, t.final_norm_bias = "layer_norm.weight", "layer_norm.bias" end
    if narrow then t.embed_project, t.head_project = "project_in.weight", "project_out.weight" end
    return hub.spec(c, {
      ffn = c.ffn_dim or c.intermediate_size, embed_width = narrow, projected_first = true,
      causal = true, activation = c.activation_function or bio and (c.hidden_act or "gelu") or "relu",
      embedding_scale = bio and hub.first(c.scale_embedding, true) and c.hidden_size and c.hidden_size ^ 0.5 or nil,
      norm = { kind = "layer", eps = bio and c.layer_norm_eps or bio and 1e-12 or 1e-5, after = not before, bare = bare },
      position = {
        kind = "learned", count = c.max_position_embeddings and c.max_position_embeddings + 2, offset = 2,
        called = { count = "max_position_embeddings" },
      },
      tied = hub.first(c.tie_word_embeddings, true),
      classifier = hub.classifier(c, "last"),
      prefixes = { "model.decoder.", "decoder.", "biogpt.", "" }, tensors = t,
      called = hub.called { ffn = "ffn_dim", activation = "activation_function" },
    })
  end,
}
