/** The room behind the page takes the colours of the picture. */
import { byId } from "./elements.js";

const SPOTS = 6; // The room knows the picture as this many spots of colour each way.

/**
 * Returns what lights the room with the video's present picture. `weight`, 0 to 1: how much of the earlier light it replaces.
 *
 * @param {HTMLVideoElement} video
 * @returns {(weight?: number) => void}
 */
export function lightRoom(video) {
  const { width, height } = byId("ambient", HTMLCanvasElement);
  const room = penOf(byId("ambient", HTMLCanvasElement));
  const spots = penOf(Object.assign(document.createElement("canvas"), { width: SPOTS, height: SPOTS }));
  room.imageSmoothingQuality = "high";
  return (weight = 0.3) => {
    if (!video.videoWidth || document.hidden) return;
    spots.globalAlpha = weight;
    spots.drawImage(video, 0, 0, SPOTS, SPOTS);
    const fall = room.createRadialGradient(width / 2, height / 2, 0, width / 2, height / 2, width / 2);
    fall.addColorStop(0, "#000c");
    fall.addColorStop(0.6, "#0005");
    fall.addColorStop(1, "#0000");
    room.globalCompositeOperation = "copy";
    room.drawImage(spots.canvas, 0, 0, width, height);
    room.globalCompositeOperation = "destination-in";
    room.fillStyle = fall;
    room.fillRect(0, 0, width, height);
  };
}

/** @param {HTMLCanvasElement} canvas */
function penOf(canvas) {
  const pen = canvas.getContext("2d");
  if (!pen) throw new Error("This browser draws on no canvas.");
  return pen;
}
