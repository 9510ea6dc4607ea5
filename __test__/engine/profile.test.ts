import test from 'ava'
import { ops, scope, startProfile, stats, stopProfile, TorchError } from '../../ts/engine/index.ts'

test.serial('every operator is in the profile, forward and backward, inside the time it was run', (t) => {
  scope(() => {
    const a = ops.randn([64, 64])
    a.requiresGrad = true
    a.relu()
    const before = performance.now()
    startProfile()
    a.matmul(a).sum().backward()
    const { spans, dropped } = stopProfile()
    const after = performance.now()
    a.exp()
    t.is(dropped, 0)
    const names = new Set(spans.map(({ name }) => name))
    for (const name of ['aten::matmul', 'aten::mm', 'aten::sum', 'MmBackward0']) t.true(names.has(name), name)
    t.false(names.has('aten::relu'))
    t.false(names.has('aten::exp'))
    for (const { start, end } of spans) t.true(before <= start && start <= end && end <= after)
    const [outer, inner] = ['aten::matmul', 'aten::mm'].map(
      (name) => spans.find((span) => span.name === name)!,
    )
    t.true(outer!.start <= inner!.start && inner!.end <= outer!.end)
    t.is(outer!.thread, inner!.thread)
  })
})

test.serial('a profile is started once and stopped once', (t) => {
  startProfile()
  t.throws(startProfile, { instanceOf: TorchError, message: /running already/ })
  t.deepEqual(stopProfile().spans, [])
  t.throws(stopProfile, { instanceOf: TorchError, message: /no profile is running/ })
})

test.after('no tensor is left over', (t) => {
  t.is(stats().tensors, 0)
})
