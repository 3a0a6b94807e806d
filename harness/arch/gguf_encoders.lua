-- Encoders as GGUF files describe them: BERT (learned positions), NomicBERT (rotary ones, a gate) and with experts,
-- Jina 2 (ALiBi), 3; ModernBERT, EuroBERT, NeoBERT, with norms before their parts. (EmbeddingGemma is among Llama's.)
local gguf = include "gguf"

local function layered(of, own)
  own.norm = { kind = "layer", eps = of "attention.layer_norm_epsilon" or of "attention.layer_norm_rms_epsilon", after = own.after }
  own.after, own.causal = nil, false
  return own
end

-- Norms behind the parts, and on embeddings.
local function bertlike(m, of, has, own, more)
  local t = gguf.tensors(gguf.with({ attn_norm = "attn_output_norm", mlp_norm = "layer_output_norm" }, more))
  t.embed_norm, t.embed_norm_bias = "token_embd_norm.weight", "token_embd_norm.bias"
  if has["token_types.weight"] then
    t.token_type, own.token_types = "token_types.weight", m["tokenizer.ggml.token_type_count"] or 2
  end
  if has["blk.0.attn_qkv.weight"] then gguf.fused(t, of) end
  t.head, t.final_norm, t.final_norm_bias = nil, nil, nil
  own.tensors, own.after = t, true
  return layered(of, own)
end

-- A reranker, or a model of classes: RoBERTa's dense layer and a layer of labels. Of BERT's the converter leaves the dense
-- layer out.
local function classified(own, has)
  local t, dense, out = own.tensors, has["cls.weight"], has["cls.output.weight"]
  if (dense or out) and not (dense and out) then return { unsupported = "a classifier whose dense layer is not in the file" } end
  if not out then return own end
  t.class_dense, t.class_dense_bias = "cls.weight", { name = "cls.bias", optional = true }
  t.class_out, t.class_out_bias = "cls.output.weight", { name = "cls.output.bias", optional = true }
  own.classifier = { pooling = "cls", activation = "tanh" }
  return own
end

local function plain(own)
  gguf.without(own.tensors, "gate")
  own.gated, own.activation = false, "gelu"
  return own
end

local of_name = {}

function of_name.bert(m, of, has)
  local own = plain(bertlike(m, of, has, { position = { kind = "learned", count = of "context_length" } }))
  own.tensors.position = "position_embd.weight"
  return classified(own, has)
end

of_name["nomic-bert"] = function(m, of, has) return bertlike(m, of, has, {}) end

of_name["jina-bert-v3"] = function(m, of, has) return plain(bertlike(m, of, has, {})) end

of_name["nomic-bert-moe"] = function(m, of, has)
  local own, every = plain(bertlike(m, of, has, {})), of "moe_every_n_layers" or 0
  own.experts = gguf.experts(of, own.tensors, { renormalize = false })
  own.tensors.expert_gate, own.sparse = nil, {}
  for i = 1, of "block_count" do own.sparse[i] = every > 0 and (i - 1) % every == 1 end
  return own
end

of_name["jina-bert-v2"] = function(m, of, has)
  if has["blk.0.attn_norm_2.weight"] then return { unsupported = "a second norm behind attention (attn_norm_2)" } end
  local normed = has["blk.0.attn_q_norm.weight"]
  local own = bertlike(m, of, has, {
    position = { kind = "none" }, bias = { kind = "slopes" }, activation = "gelu",
    qk_norm = normed and { kind = "layer" } or nil,
  }, normed and gguf.heads)
  if not has["blk.0.ffn_gate.weight"] then gguf.gated_up(own.tensors, of) end
  return own
end

local function before(of, own)
  local t = gguf.tensors()
  t.head, own.tensors, own.causal = nil, t, false
  return own
end

function of_name.eurobert(m, of) return before(of, {}) end

of_name["neo-bert"] = function(m, of)
  local own = before(of, { position = gguf.rotary(m, of, { interleaved = true }) })
  local t = gguf.gated_up(gguf.fused(own.tensors, of), of)
  t.final_norm = { "enc.output_norm.weight", "output_norm.weight" }
  return own
end

-- A window to both sides in all but every third layer, with another theta.
of_name["modern-bert"] = function(m, of)
  local own = before(of, { activation = of "hidden_activation" or "gelu" })
  local t, window = gguf.gated_up(gguf.fused(own.tensors, of), of), of "attention.sliding_window" or 0
  t.embed_norm, t.embed_norm_bias = "token_embd_norm.weight", { name = "token_embd_norm.bias", optional = true }
  t.attn_norm = { name = "blk.%d.attn_norm.weight", optional = true } -- the first layer has none
  t.class_dense, t.class_norm, t.class_out = "cls.weight", "cls.norm.weight", "cls.output.weight"
  t.class_out_bias = { name = "cls.output.bias", optional = true }
  own.classifier = { pooling = of "classifier.pooling_type" == 2 and "cls" or "mean", activation = "gelu" }
  own.window, own.sliding = window > 0 and window // 2 + 1 or nil, gguf.sliding(of, function(i) return (i - 1) % 3 ~= 0 end, true)
  own.position = gguf.rotary(m, of, { sliding = { theta = of "rope.freq_base_swa" or 10000.0, scaling = "default" } })
  return layered(of, own)
end

return gguf.description("gguf_encoders", of_name)
