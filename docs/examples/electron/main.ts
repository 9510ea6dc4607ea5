// Electron's main process: a window that trains on a folder and finds pictures that look alike. Training is a process
// of its own, so that the window stays smooth; closing the app saves a checkpoint, and the next start goes on from it.
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { app, BrowserWindow, dialog, ipcMain } from 'electron'
import { type LoadedModel, load, type TrainingRun, train, VisslError } from 'vissl'

let run: TrainingRun | undefined
let model: LoadedModel | undefined

await app.whenReady()
const window = new BrowserWindow({
  width: 900,
  height: 600,
  webPreferences: { preload: join(import.meta.dirname, 'preload.js') },
})
await window.loadFile(join(import.meta.dirname, 'index.html'))

/** Where runs are kept: an installed app cannot write beside itself. */
const home = app.getPath('userData')
/** Which images the last run was about, and where it is. */
const memo = join(home, 'last-run.json')

/** The run on the same images to go on with. */
function lastRun(data: string): { resume?: string } {
  if (!existsSync(memo)) return {}
  const last = JSON.parse(readFileSync(memo, 'utf8')) as { data: string; folder: string }
  return last.data === data && existsSync(last.folder) ? { resume: last.folder } : {}
}

ipcMain.handle('train', async () => {
  const { canceled, filePaths } = await dialog.showOpenDialog({ properties: ['openDirectory'] })
  const [data] = filePaths
  if (canceled || data === undefined || run !== undefined) return
  run = train({ data, cwd: home, ...lastRun(data) })
  try {
    for await (const event of run) {
      if (window.isDestroyed()) break
      if (event.type === 'checkpoint') writeFileSync(memo, JSON.stringify({ data, folder: run.folder }))
      if (event.type === 'step') window.setProgressBar(event.done)
      window.webContents.send('training', event)
    }
    const { checkpoint, stopped } = await run.done
    if (stopped) return
    model?.free()
    model = await load(checkpoint)
  } catch (error) {
    if (!(error instanceof VisslError)) throw error
    window.webContents.send('failed', error.message, error.fix)
  } finally {
    run = undefined
  }
})
ipcMain.handle('pause', () => run?.pause())
ipcMain.handle('resume', () => run?.resume())
ipcMain.handle('save', () => run?.save())
ipcMain.handle('embed', async (_, files) => model?.embed(files as string[]))

// Waits for the checkpoint. An app that is killed saves too: the run notices that its app is gone.
app.on('before-quit', (event) => {
  if (run === undefined) return
  event.preventDefault()
  void run.stop().finally(() => app.quit())
})
app.on('window-all-closed', () => app.quit())
