/** The few parts of Electron that the example uses, so that it is checked without installing Electron. */
declare module 'electron' {
  interface WebContents {
    send(channel: string, ...values: unknown[]): void
  }
  export class BrowserWindow {
    constructor(options: { width: number; height: number; webPreferences: { preload: string } })
    readonly webContents: WebContents
    loadFile(path: string): Promise<void>
    isDestroyed(): boolean
    setProgressBar(share: number): void
  }
  interface QuitEvent {
    preventDefault(): void
  }
  export const app: {
    whenReady(): Promise<void>
    getPath(name: 'userData'): string
    on(event: 'before-quit', listener: (event: QuitEvent) => void): void
    on(event: 'window-all-closed', listener: () => void): void
    quit(): void
  }
  export const dialog: {
    showOpenDialog(options: {
      properties: 'openDirectory'[]
    }): Promise<{ canceled: boolean; filePaths: string[] }>
  }
  export const ipcMain: {
    handle(channel: string, listener: (event: unknown, ...values: unknown[]) => unknown): void
  }
}
