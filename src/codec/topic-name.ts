/** True if the text can be a Topic Name: not empty [MQTT-4.7.3-1] and without wildcards [MQTT-4.7.0-1]. */
export function isTopicName(text: string): boolean {
  return text.length > 0 && !text.includes("+") && !text.includes("#");
}
