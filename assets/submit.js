// Sends the form that goes back to an application, without a click.
document.querySelector("form[data-submit]")?.submit();
