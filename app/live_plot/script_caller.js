// Nothing to see: lets the page's conductor have the whole page's script run.

export default function ({ setTriggerValue }) {
  const call = () => setTriggerValue("called", Date.now());
  stage.callScript = call;
  return () => {
    if (stage.callScript === call) stage.callScript = undefined;
  };
}
