// The search runs in a worker, and browsers start none for a page that is opened from the disk. There, the
// worker's script runs in a hidden frame of the page, with the same messages to and fro.
if (location.protocol === "file:") {
  window.Worker = class extends EventTarget {
    constructor(url) {
      super();
      this.waiting = [];
      const frame = document.createElement("iframe");
      frame.hidden = true;
      document.body.append(frame);
      this.inner = frame.contentWindow;
      this.inner.postMessage = (data) => this.dispatchEvent(new MessageEvent("message", { data }));
      this.inner.importScripts = async (...urls) => {
        for (const one of urls) await this.load(one);
      };
      this.load(url).then(() => {
        this.isReady = true;
        for (const data of this.waiting.splice(0)) this.tell(data);
      });
    }

    load(url) {
      return new Promise((resolve, reject) => {
        const script = this.inner.document.createElement("script");
        script.src = new URL(url, location.href);
        script.onload = resolve;
        script.onerror = reject;
        this.inner.document.body.append(script);
      });
    }

    tell(data) {
      const { MessageEvent: Message } = this.inner;
      this.inner.dispatchEvent(new Message("message", { data }));
    }

    postMessage(data) {
      if (this.isReady) this.tell(data);
      else this.waiting.push(data);
    }

    terminate() {
      this.inner.frameElement.remove();
    }
  };
}
