import test from 'ava'
import { z } from 'zod'
import { ops, scope, type Tensor, tensor } from '../../ts/engine/index.ts'
import { VisslError } from '../../ts/errors.ts'
import { buildLoss, CrossEntropyLoss, Loss, losses } from '../../ts/losses/index.ts'
import { functional } from '../../ts/nn/index.ts'

/** Alignment and uniformity (Wang & Isola 2020, arXiv:2005.10242). */
class AlignmentUniformity extends Loss {
  static readonly key = 'alignment_uniformity'
  static readonly params = z.object({
    t: z.number().positive().default(2).describe('uniformity temperature'),
  })

  override forward(embeddings: Tensor): Tensor {
    const [a, b] = functional.normalize(embeddings).chunk(2) as [Tensor, Tensor]
    const align = a.sub(b).pow(2).sum([1]).mean()
    const distances = ops.pdist(functional.normalize(embeddings))
    return align.add(distances.pow(2).mul(-this.params.t).exp().mean().log())
  }
}

test('a loss of one’s own is registered, checked and differentiable', (t) => {
  losses.register(AlignmentUniformity.key, AlignmentUniformity)
  using loss = buildLoss({ name: 'alignment_uniformity', alignment_uniformity: { t: 1 } })
  t.deepEqual(loss.params, { t: 1 })
  scope(() => {
    const x = ops.randn([8, 4])
    x.requiresGrad = true
    const value = loss.call(x)
    value.backward()
    t.true(Number.isFinite(value.item()))
    t.deepEqual(x.grad!.shape, [8, 4])
  })
  const error = t.throws(() => buildLoss({ name: 'alignment_uniformity', alignment_uniformity: { t: 0 } }), {
    instanceOf: VisslError,
  })
  t.regex(error.message, /loss "alignment_uniformity": t:/)
})

test('unknown names list the losses', (t) => {
  const error = t.throws(() => buildLoss({ name: 'simclr_info_nce_los' }), { instanceOf: VisslError })
  t.regex(error.message, /did you mean simclr_info_nce_loss/)
})

test('a class without key or schema says what it lacks', (t) => {
  class Bare extends Loss {
    override forward(x: Tensor): Tensor {
      return x
    }
  }
  t.regex(t.throws(() => new Bare())!.message, /Bare lacks a static key/)
})

test('CrossEntropyLoss averages over the samples that count', (t) => {
  using loss = buildLoss({ name: 'CrossEntropyLoss', CrossEntropyLoss: { ignore_index: -1 } })
  t.true(loss instanceof CrossEntropyLoss)
  scope(() => {
    const scores = tensor([
      [2, 0],
      [0, 5],
      [1, 1],
    ])
    const value = loss.call(scores, tensor([0, -1, 1], { dtype: 'int64' })).item()
    const expected = (Math.log(1 + Math.exp(-2)) + Math.log(2)) / 2
    t.true(Math.abs(value - expected) < 1e-6)
    t.throws(() => loss.call(scores), { instanceOf: VisslError })
  })
})
