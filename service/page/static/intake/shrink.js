// A picture as it is sent and shown: what the browser can decode and is large or HEIC becomes an upright JPEG.

const LARGE_BYTES = 1_500_000;
const LONG_SIDE_PX = 2560; // a face that fills a quarter of it is several times as large as the service looks at
const HEIC = /^image\/(heic|heif)/;
const isHeic = (file) => HEIC.test(file.type) || /\.(heic|heif)$/i.test(file.name);
const isJpeg = (file) => file.type === "image/jpeg";

/** Resolves to a File or Blob. What the browser cannot decode (HEIC in most, TIFF, DICOM) goes to the service as it is. */
export async function shrink(file) {
  if (!isHeic(file) && (!file.type.startsWith("image/") || file.size <= LARGE_BYTES)) return file;
  let decoded;
  try {
    decoded = await createImageBitmap(file, { imageOrientation: "from-image" });
  } catch {
    return file;
  }
  const scale = Math.min(1, LONG_SIDE_PX / Math.max(decoded.width, decoded.height));
  if (scale === 1 && isJpeg(file)) { decoded.close(); return file; }
  const canvas = document.createElement("canvas");
  canvas.width = Math.round(decoded.width * scale);
  canvas.height = Math.round(decoded.height * scale);
  const context = canvas.getContext("2d");
  context.fillStyle = "#fff"; // as the service lays transparent parts
  context.fillRect(0, 0, canvas.width, canvas.height);
  context.imageSmoothingQuality = "high";
  context.drawImage(decoded, 0, 0, canvas.width, canvas.height);
  decoded.close();
  return new Promise((resolve) => canvas.toBlob((blob) => resolve(blob ?? file), "image/jpeg", 0.93));
}
